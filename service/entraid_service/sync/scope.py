"""Groups to Sync: which groups the entries of a connection name. Pure.

An entry is an object id or a display name. It is bound to the id that it first named: a renamed group stays in, and a
new group that takes over the name of a deleted one does not slip in.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from entraid_service.model.directory import Group
from entraid_service.model.ids import GroupId, fold, is_guid
from entraid_service.model.scope import GroupResolution, ResolutionState


def resolve(
    entries: Sequence[str], groups: Mapping[GroupId, Group], *, former: Iterable[GroupResolution] = ()
) -> tuple[GroupResolution, ...]:
    """What each entry names among all groups of the tenant; `former` are the resolutions of the snapshot before."""
    bound = pins(former)
    by_name: dict[str, list[GroupId]] = defaultdict(list)
    for group in groups.values():
        by_name[fold(group.display_name)].append(group.id)
    return tuple(_resolve(entry, groups, by_name=by_name, pin=bound.get(entry)) for entry in entries)


def _resolve(
    entry: str, groups: Mapping[GroupId, Group], *, by_name: Mapping[str, list[GroupId]], pin: GroupId | None
) -> GroupResolution:
    if pin is None and is_guid(entry):
        pin = GroupId(entry.lower())
    if pin is not None:
        state = ResolutionState.RESOLVED if pin in groups else ResolutionState.NOT_FOUND
        return GroupResolution(entry, state, (pin,))
    named = tuple(sorted(by_name.get(fold(entry), ())))
    if not named:
        return GroupResolution(entry, ResolutionState.NOT_FOUND)
    return GroupResolution(entry, ResolutionState.RESOLVED if len(named) == 1 else ResolutionState.AMBIGUOUS, named)


def pins(resolutions: Iterable[GroupResolution]) -> dict[str, GroupId]:
    """The object id that each entry is bound to."""
    return {r.entry: r.groups[0] for r in resolutions if r.groups and r.state is not ResolutionState.AMBIGUOUS}


def seen_by(resolutions: Iterable[GroupResolution], seen: Collection[GroupId]) -> tuple[GroupResolution, ...]:
    """The same resolutions after the groups were read: what was there and is not any more was not found."""
    return tuple(
        replace(r, state=ResolutionState.NOT_FOUND)
        if r.state is ResolutionState.RESOLVED and r.groups[0] not in seen
        else r
        for r in resolutions
    )


def roots(resolutions: Iterable[GroupResolution]) -> tuple[GroupId, ...]:
    """The groups that are synced by name; nested ones come along as they are found."""
    return tuple(dict.fromkeys(r.groups[0] for r in resolutions if r.state is ResolutionState.RESOLVED))
