"""What a quick read tells of nobody at all, asked in another way before it is believed.

A tenant in which nobody has a manager, or no group a member, is rare, and looks the same as a Graph that leaves out
what it was asked for. To believe it would let conditions hold that exclude somebody's people or a group's members, so
that some are asked about one by one. Where something is found the whole is read in that other way.
"""

from collections.abc import Iterable, Mapping, Sequence

from entraid_service.errors import FeedUnsupported, GroupGone, NotOffered, PermissionMissing
from entraid_service.model.ids import GroupId, UserId
from entraid_service.ports import TenantSource
from entraid_service.sync.parallel import answers

_ASKED_ABOUT = 20
"""Users and groups that are asked about one by one."""

_LOOKED_AT = 1_000
"""Users of the feed none of whom has a manager, after which nobody is taken to have one."""


async def managers_apart(source: TenantSource, users: Sequence[UserId]) -> Mapping[UserId, UserId] | None:
    """Who is whose manager, told apart from the list of users; None where nothing tells.

    Raises:
        EntraidError: As `TenantSource`.
    """
    try:
        return await _by_feed(source)
    except FeedUnsupported:
        pass
    try:
        some = await _one_by_one(source, users[:_ASKED_ABOUT])
        return await _one_by_one(source, users) if some else some
    except NotOffered:
        return None


async def has_unread_members(source: TenantSource, groups: Iterable[GroupId]) -> bool:
    """Whether a list of members shows somebody where the groups' feed told nobody in any group.

    Raises:
        EntraidError: As `TenantSource`.
    """

    async def is_filled(group_id: GroupId) -> bool:
        try:
            async for page in source.members(group_id):
                if page.items:
                    return True
        except (GroupGone, PermissionMissing, NotOffered):
            pass
        return False

    asked = sorted(groups)[:_ASKED_ABOUT]
    return any((await answers(is_filled, asked)).values())


async def _by_feed(source: TenantSource) -> dict[UserId, UserId]:
    found: dict[UserId, UserId] = {}
    looked_at = 0
    async for page in source.managers():
        looked_at += len(page.items)
        found.update((user_id, manager_id) for user_id, manager_id in page.items if manager_id is not None)
        if not found and looked_at >= _LOOKED_AT:
            break
    return found


async def _one_by_one(source: TenantSource, users: Sequence[UserId]) -> dict[UserId, UserId]:
    found = await answers(source.manager, users)
    return {user_id: manager_id for user_id, manager_id in found.items() if manager_id is not None}
