"""Transitive membership: the groups above an object and the members below a group, ordered so that pages can be cut.

The order is that of a hash of the id, which does not move while others come and go.
"""

from collections import OrderedDict
from hashlib import blake2b
from typing import TypeAlias

from entraid_emulator.directory import Directory
from entraid_emulator.objects import GROUP_TYPE, ObjectId

Ranked: TypeAlias = list[tuple[int, ObjectId]]
"""Ids in the order of their hashes, each with its hash."""

_KEPT = 4  # lists; one of a group with 300,000 members is worth keeping from page to page


class Closures:
    """The transitive members of the groups asked for last, for as long as the directory does not change."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, ObjectId], tuple[int, Ranked]] = OrderedDict()

    def below(self, directory: Directory, group: ObjectId) -> Ranked:
        """Every object in a group, directly or through nested groups."""
        key, version = (id(directory), group), directory.changes.version
        kept = self._kept.get(key)
        if kept is not None and kept[0] == version:
            return kept[1]
        ranked = rank(members_below(directory, group))
        self._kept[key] = (version, ranked)
        self._kept.move_to_end(key)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return ranked


def rank(ids: list[ObjectId]) -> Ranked:
    """The ids in the order of a hash of them, each with the hash."""
    return sorted((int.from_bytes(blake2b(one.encode(), digest_size=7).digest()), one) for one in ids)


def groups_above(directory: Directory, member: ObjectId) -> list[ObjectId]:
    """Every group that holds an object, directly or through nested groups."""
    found: dict[ObjectId, None] = {}
    waiting = [member]
    while waiting:
        for group in directory.groups_of(waiting.pop()):
            if group not in found:
                found[group] = None
                waiting.append(group)
    return list(found)


def members_below(directory: Directory, group: ObjectId) -> list[ObjectId]:
    """Every object in a group, directly or through nested groups."""
    found: dict[ObjectId, None] = {}
    waiting = [group]
    while waiting:
        for member in directory.members_of(waiting.pop()):
            kind = None if member is None or member in found else directory.kind_of(member)
            if member is not None and kind is not None:
                found[member] = None
                if kind == GROUP_TYPE:
                    waiting.append(member)
    return list(found)
