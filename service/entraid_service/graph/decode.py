"""From Graph's JSON to our values. Pure.

Every known, non-empty property is kept. A record that is odd is left out and named; it never stops the others.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeGuard, TypeVar

from entraid_service.model.directory import AttributeValue, Group, GroupKind, Member, MemberKind, Scalar, User
from entraid_service.model.ids import GroupId, UserId
from entraid_service.ports import Skipped

T = TypeVar("T")

MEMBER_KINDS = {"#microsoft.graph.user": MemberKind.USER, "#microsoft.graph.group": MemberKind.GROUP}
_TEXTS = {str}
_SCALARS = (str, bool, int, float)
_HIDDEN = "hiddenmembership"


class OddRecord(Exception):  # noqa: N818 - it says what it is
    """A record that cannot be read; the text says why."""


def decode_records(
    records: Iterable[object],
    decode: Callable[[Mapping[str, object]], T],
    *,
    items: list[T],
    skipped: list[Skipped],
) -> None:
    """Adds the records to `items`, and those that are odd to `skipped`."""
    for record in records:
        try:
            items.append(decode(as_object(record)))
        except OddRecord as error:
            skipped.append(Skipped(known_id(record), str(error)))


def decode_user(record: Mapping[str, object]) -> User:
    """A user with every known attribute.

    Raises:
        OddRecord: It has no id, or a manager without one.
    """
    attributes: dict[str, AttributeValue] = {}
    for name, value in record.items():
        if value is None or "@" in name:
            continue  # annotations have an @ in their names, properties never
        if type(value) is str:
            if value:
                attributes[name] = value
        elif name != "manager":
            flatten(name, value, attributes)
    attributes.pop("id", None)
    return User(UserId(decode_id(record)), attributes, decode_manager(record))


def decode_group(record: Mapping[str, object]) -> Group:
    """A group without its members.

    Raises:
        OddRecord: It has no id.
    """
    return Group(
        id=GroupId(decode_id(record)),
        display_name=_text(record, "displayName"),
        kind=_kind(record),
        description=_text(record, "description"),
        mail=_text(record, "mail"),
        membership_rule=_text(record, "membershipRule"),
    )


def decode_member(record: Mapping[str, object], asked: Mapping[str, MemberKind] | None = None) -> Member:
    """A direct member; Graph names its type also where only the id was selected.

    `asked` holds what was found by asking, by id, of those whose type is not named.

    Raises:
        OddRecord: It has no id, or nothing tells what it is.
    """
    member_id = decode_id(record)
    kind = member_kind(record) or (asked or {}).get(member_id)
    if kind is None:
        raise OddRecord("it has no `@odata.type`")
    return Member(member_id, kind)


def member_kind(record: Mapping[str, object]) -> MemberKind | None:
    """What a member is, None where nothing tells."""
    odata_type = record.get("@odata.type")
    if isinstance(odata_type, str) and odata_type:
        return MEMBER_KINDS.get(odata_type) or MEMBER_KINDS.get(f"#{odata_type.lstrip('#').lower()}", MemberKind.OTHER)
    if "userPrincipalName" in record:
        return MemberKind.USER
    return MemberKind.GROUP if "groupTypes" in record else None


def tells_no_kind(records: Iterable[object]) -> bool:
    """Whether there are members, and of one that has an id it is not told what it is."""
    return any(isinstance(one, dict) and bool(known_id(one)) and member_kind(one) is None for one in records)


def has_hidden_membership(record: Mapping[str, object]) -> bool:
    """Whether a group hides its members, see https://learn.microsoft.com/graph/api/resources/group."""
    visibility = record.get("visibility")
    return isinstance(visibility, str) and visibility.lower() == _HIDDEN


def hidden_group_ids(records: Iterable[object]) -> set[str]:
    """The ids of the groups of a page that hide their members."""
    return {known_id(record) for record in records if isinstance(record, dict) and has_hidden_membership(record)}


def as_object(record: object) -> Mapping[str, object]:
    """A record that is a JSON object at least.

    Raises:
        OddRecord: It is something else.
    """
    if not isinstance(record, dict):
        raise OddRecord("it is no JSON object")
    return record


def decode_id(record: Mapping[str, object]) -> str:
    """The id, in lower case.

    Raises:
        OddRecord: There is none.
    """
    value = record.get("id")
    if not isinstance(value, str) or not value:
        raise OddRecord("it has no `id`")
    return value.lower()


def known_id(record: object) -> str:
    """The id of a record that may be odd, empty if it has none."""
    value = record.get("id") if isinstance(record, dict) else None
    return value.lower() if isinstance(value, str) else ""


def decode_manager(record: Mapping[str, object]) -> UserId | None:
    """The manager that stands in a user; None if there is none.

    Raises:
        OddRecord: He has no id.
    """
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


def flatten(name: str, value: object, into: dict[str, AttributeValue]) -> None:
    """Adds a value; the parts of a complex one are named with dots, those of a list of complex ones become lists."""
    if "@" in name or value is None or value == "":
        return
    if isinstance(value, _SCALARS):
        into[name] = value
    elif isinstance(value, dict):
        for part, inner in value.items():
            if inner is None:
                continue
            if type(inner) is str and inner and "@" not in part:
                into[f"{name}.{part}"] = inner
            else:
                flatten(f"{name}.{part}", inner, into)
    elif isinstance(value, list):
        _flatten_list(name, value, into)


def _flatten_list(name: str, values: list[object], into: dict[str, AttributeValue]) -> None:
    if _are_texts(values):
        into[name] = values
        return
    scalars: list[Scalar] = []
    for value in values:
        if isinstance(value, _SCALARS):
            scalars.append(value)
        elif isinstance(value, dict | list):
            parts: dict[str, AttributeValue] = {}
            flatten(name, value, parts)
            for part, inner in parts.items():
                known = into.setdefault(part, [])
                if isinstance(known, list):
                    known.extend(inner if isinstance(inner, list) else [inner])
    if scalars:
        into[name] = scalars


def _are_texts(values: list[object]) -> TypeGuard[list[Scalar]]:
    """Whether there are values and all of them are texts, as nearly always."""
    return set(map(type, values)) == _TEXTS
