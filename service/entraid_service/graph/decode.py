"""From Graph's JSON to our values. Pure.

Every known, non-empty property is kept. A record that is odd is left out and named; it never stops the others. A page
of which nothing can be read is no page of Graph's.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from entraid_service.graph.refusals import unusable
from entraid_service.model.directory import AttributeValue, Group, GroupKind, Member, MemberKind, Scalar, User
from entraid_service.model.ids import GroupId, UserId
from entraid_service.ports import Page, Skipped

T = TypeVar("T", User, Group, Member)

_FEW = 3
"""A page with no more odd records than this may be odd as a whole."""

_MEMBER_KINDS = {"microsoft.graph.user": MemberKind.USER, "microsoft.graph.group": MemberKind.GROUP}
_HIDDEN = "hiddenmembership"


class OddRecord(Exception):  # noqa: N818 - it says what it is
    """A record that cannot be read; the text says why."""


def decode_page(records: Sequence[object], decode: Callable[[Mapping[str, object]], T], *, what: str) -> Page[T]:
    """The records of a page, and those that were left out.

    Raises:
        GraphUnavailable: All of them are odd, and they are more than a few.
    """
    items: list[T] = []
    skipped: list[Skipped] = []
    for record in records:
        try:
            items.append(decode(_object(record)))
        except OddRecord as error:
            skipped.append(Skipped(_known_id(record), str(error)))
    if len(skipped) > _FEW and not items:
        raise unusable(
            f"none of the {len(skipped)} {what} of a page can be read, the first because {skipped[0].problem}"
        )
    return Page(items, skipped)


def decode_user(record: Mapping[str, object]) -> User:
    """A user with every known attribute.

    Raises:
        OddRecord: It has no id, or a manager without one.
    """
    attributes: dict[str, AttributeValue] = {}
    for name, value in record.items():
        if type(value) is str:
            if value and name != "id" and "@odata." not in name:
                attributes[name] = value
        elif value is not None and name not in {"id", "manager"}:
            _flatten(name, value, attributes)
    return User(UserId(_id(record)), attributes, _manager(record))


def decode_group(record: Mapping[str, object]) -> Group:
    """A group without its members.

    Raises:
        OddRecord: It has no id.
    """
    return Group(
        id=GroupId(_id(record)),
        display_name=_text(record, "displayName"),
        kind=_kind(record),
        description=_text(record, "description"),
        mail=_text(record, "mail"),
        membership_rule=_text(record, "membershipRule"),
    )


def decode_member(record: Mapping[str, object]) -> Member:
    """A direct member; Graph names its type also where only the id was selected.

    Raises:
        OddRecord: It has no id, or nothing tells what it is.
    """
    member_id = _id(record)
    odata_type = record.get("@odata.type")
    if isinstance(odata_type, str) and odata_type:
        return Member(member_id, _MEMBER_KINDS.get(odata_type.lstrip("#").lower(), MemberKind.OTHER))
    if "userPrincipalName" in record:
        return Member(member_id, MemberKind.USER)
    if "groupTypes" in record:
        return Member(member_id, MemberKind.GROUP)
    raise OddRecord("it has no `@odata.type`")


def decode_manager_id(record: Mapping[str, object]) -> UserId:
    """The id of a manager that was read on its own.

    Raises:
        OddRecord: It has none.
    """
    return UserId(_id(record))


def has_hidden_membership(record: Mapping[str, object]) -> bool:
    """Whether a group hides its members, see https://learn.microsoft.com/graph/api/resources/group."""
    visibility = record.get("visibility")
    return isinstance(visibility, str) and visibility.lower() == _HIDDEN


def hidden_group_ids(records: Iterable[object]) -> set[str]:
    """The ids of the groups of a page that hide their members."""
    return {_known_id(record) for record in records if isinstance(record, dict) and has_hidden_membership(record)}


def _object(record: object) -> Mapping[str, object]:
    if not isinstance(record, dict):
        raise OddRecord("it is no JSON object")
    return record


def _id(record: Mapping[str, object]) -> str:
    value = record.get("id")
    if not isinstance(value, str) or not value:
        raise OddRecord("it has no `id`")
    return value.lower()


def _known_id(record: object) -> str:
    value = record.get("id") if isinstance(record, dict) else None
    return value.lower() if isinstance(value, str) else ""


def _manager(record: Mapping[str, object]) -> UserId | None:
    manager = record.get("manager")
    if manager is None:
        return None
    value = manager.get("id") if isinstance(manager, dict) else None
    if not isinstance(value, str) or not value:
        # As if he had none would let conditions hold that exclude the manager's people.
        raise OddRecord("its `manager` has no `id`")
    return UserId(value.lower())


def _kind(record: Mapping[str, object]) -> GroupKind:
    # https://learn.microsoft.com/graph/api/resources/groups-overview#group-types-in-microsoft-entra-id-and-microsoft-graph
    types = record.get("groupTypes")
    if isinstance(types, list) and "Unified" in types:
        return GroupKind.MICROSOFT_365
    if record.get("mailEnabled") is not True:
        return GroupKind.SECURITY
    return GroupKind.MAIL_ENABLED_SECURITY if record.get("securityEnabled") is True else GroupKind.DISTRIBUTION


def _text(record: Mapping[str, object], name: str) -> str:
    value = record.get(name)
    return value if isinstance(value, str) else ""


def _flatten(name: str, value: object, into: dict[str, AttributeValue]) -> None:
    """Adds a value; the parts of a complex one are named with dots, those of a list of complex ones become lists."""
    if "@odata." in name or value is None or value == "":
        return
    if isinstance(value, str | bool | int | float):
        into[name] = value
    elif isinstance(value, dict):
        for part, inner in value.items():
            if inner is not None:
                _flatten(f"{name}.{part}", inner, into)
    elif isinstance(value, list):
        _flatten_list(name, value, into)


def _flatten_list(name: str, values: list[object], into: dict[str, AttributeValue]) -> None:
    scalars: list[Scalar] = []
    for value in values:
        if isinstance(value, str | bool | int | float):
            scalars.append(value)
        elif isinstance(value, dict | list):
            parts: dict[str, AttributeValue] = {}
            _flatten(name, value, parts)
            for part, inner in parts.items():
                known = into.setdefault(part, [])
                if isinstance(known, list):
                    known.extend(inner if isinstance(inner, list) else [inner])
    if scalars:
        into[name] = scalars
