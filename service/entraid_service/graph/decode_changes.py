"""From the entries of Graph's delta queries to changes. Pure.

An entry names what is set, `null` is what was cleared, and what is absent stays
(https://learn.microsoft.com/graph/delta-query-overview). Entries of members and managers are lists of what came and
went; both reasons of `@removed` mean gone (https://learn.microsoft.com/graph/delta-query-groups).
"""

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from entraid_service.graph.decode import (
    MEMBER_KINDS,
    OddRecord,
    as_object,
    decode_group,
    decode_id,
    decode_manager,
    flatten,
    has_hidden_membership,
    known_id,
    member_kind,
)
from entraid_service.model.changes import KEPT, Kept, MemberChange, Removal, UserChange
from entraid_service.model.directory import AttributeValue, Group
from entraid_service.model.ids import GroupId, UserId
from entraid_service.ports import Skipped

_REMOVED = "@removed"
_MANAGER = "manager@delta"
_MEMBERS = "members@delta"

_GROUP_PROPERTIES = frozenset(
    {
        "displayName",
        "description",
        "mail",
        "mailEnabled",
        "securityEnabled",
        "groupTypes",
        "membershipRule",
        "visibility",
    }
)
_NEVER_UNSET = frozenset({"displayName", "mailEnabled", "securityEnabled"})
"""Every group has these, so an entry that leaves one out is not the whole group."""


class Told(enum.Enum):
    """How much an entry tells of a group's own properties."""

    NOTHING = enum.auto()
    PART = enum.auto()
    WHOLE = enum.auto()


@dataclass(frozen=True, slots=True)
class GroupEntry:
    """An entry on a group: `group` is there if its properties were told as a whole; `members` are still raw."""

    id: GroupId
    told: Told
    group: Group | None
    is_hidden: bool
    members: Sequence[object]


def decode_user_change(record: Mapping[str, object]) -> UserChange | Removal:
    """What happened to a user.

    Raises:
        OddRecord: It has no id, or its manager cannot be read.
    """
    user_id = UserId(decode_id(record))
    if record.get(_REMOVED) is not None:
        return Removal(user_id)
    attributes: dict[str, AttributeValue] = {}
    cleared: list[str] = []
    for name, value in record.items():
        if "@" in name or name == "manager":
            continue
        if value is None:
            cleared.append(name)
        elif type(value) is str and value:
            attributes[name] = value
        else:
            _set_or_clear(name, value, attributes, cleared)
    attributes.pop("id", None)
    return UserChange(user_id, attributes, frozenset(cleared), _manager(record))


def decode_group_entry(record: Mapping[str, object], *, is_first_round: bool) -> GroupEntry | Removal:
    """What happened to a group. In a first round what is left out was never set; later it may have stayed as it was.

    Raises:
        OddRecord: It has no id, or members that are no list.
    """
    group_id = GroupId(decode_id(record))
    if record.get(_REMOVED) is not None:
        return Removal(group_id)
    members = record.get(_MEMBERS)
    if not isinstance(members, list | None):
        raise OddRecord(f"its `{_MEMBERS}` is no list")
    told = _told(record, is_first_round=is_first_round)
    return GroupEntry(
        id=group_id,
        told=told,
        group=decode_group(record) if told is Told.WHOLE else None,
        is_hidden=has_hidden_membership(record),
        members=members or (),
    )


def decode_member_changes(
    entries: Iterable[object], group_id: GroupId, *, changes: list[MemberChange], skipped: list[Skipped]
) -> None:
    """Adds the members that came or went to `changes`, and those that cannot be read to `skipped`."""
    for entry in entries:
        try:
            changes.append(_member_change(entry))
        except OddRecord as error:
            skipped.append(Skipped(known_id(entry), f"as a member of group `{group_id}` {error}"))


def _member_change(entry: object) -> MemberChange:
    """One of millions: what is usual is decided without a further call."""
    if not isinstance(entry, dict):
        raise OddRecord("it is no JSON object")
    member_id = entry.get("id")
    if type(member_id) is not str or not member_id:
        raise OddRecord("it has no `id`")
    odata_type = entry.get("@odata.type")
    kind = MEMBER_KINDS.get(odata_type) if type(odata_type) is str else None
    is_removed = entry.get(_REMOVED) is not None
    if kind is None:
        kind = member_kind(entry)
        if kind is None and not is_removed:
            raise OddRecord("it has no `@odata.type`")
    return MemberChange(member_id.lower(), kind, is_removed)


def _told(record: Mapping[str, object], *, is_first_round: bool) -> Told:
    if "displayName" in record if is_first_round else record.keys() >= _NEVER_UNSET:
        return Told.WHOLE
    return Told.NOTHING if _GROUP_PROPERTIES.isdisjoint(record) else Told.PART


def _set_or_clear(name: str, value: object, attributes: dict[str, AttributeValue], cleared: list[str]) -> None:
    """What is not exactly one value under its own name replaces everything that was under that name before."""
    parts: dict[str, AttributeValue] = {}
    flatten(name, value, parts)
    if parts.keys() != {name}:
        cleared.append(name)
    attributes.update(parts)


def _manager(record: Mapping[str, object]) -> UserId | Kept | None:
    """Who is the manager now: whoever came, in whichever order he and the former one are told.

    Microsoft's feed tells what came and went; the manager himself, as in a list of users, says the same.
    """
    entries = record.get(_MANAGER)
    if entries is None:
        return decode_manager(record) if "manager" in record else KEPT
    if not isinstance(entries, list):
        raise OddRecord(f"its `{_MANAGER}` is no list")
    manager: UserId | Kept | None = KEPT
    for entry in map(as_object, entries):
        if entry.get(_REMOVED) is None:
            manager = UserId(decode_id(entry))
        elif manager is KEPT:
            manager = None
    return manager
