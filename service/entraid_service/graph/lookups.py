"""Single objects and what hangs on them: a user, a manager, a group, groups by name, the groups of a user."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TypeVar

from yarl import URL

from entraid_service.errors import NotOffered
from entraid_service.graph.decode import (
    OddRecord,
    decode_group,
    decode_id,
    decode_member,
    decode_user,
    has_hidden_membership,
    tells_no_kind,
)
from entraid_service.graph.decoding import decode_page
from entraid_service.graph.hidden import HiddenMemberships
from entraid_service.graph.permissions import GROUPS, GROUPS_OF_USER, USERS, Subject, users_with
from entraid_service.graph.queries import Queries, whole_properties
from entraid_service.graph.reader import Reader
from entraid_service.graph.refusals import GraphRefused, unusable
from entraid_service.model.directory import Group, MemberKind, User
from entraid_service.model.ids import GroupId, UserId, fold
from entraid_service.ports import Page

T = TypeVar("T", User, Group)


class Lookups:
    """Answers questions about single objects of one tenant."""

    def __init__(self, *, reader: Reader, queries: Queries, hidden: HiddenMemberships) -> None:
        self._reader = reader
        self._queries = queries
        self._hidden = hidden

    async def user(self, user_id: UserId, attributes: Collection[str]) -> User | None:
        """See `ports.ChangeSource.user`. The manager is read on its own where Graph does not expand it."""
        expanded, plain = self._queries.user(user_id, attributes)
        subject = users_with(whole_properties(attributes))
        try:
            user = await self._object(expanded, subject=subject, decode=decode_user, asked_for=user_id)
        except (GraphRefused, NotOffered) as error:
            if isinstance(error, GraphRefused) and not error.is_bad_query:
                raise
            user = await self._object(plain, subject=subject, decode=decode_user, asked_for=user_id)
        if user is None or user.manager_id is not None:
            return user
        # Having none and not being told of one look the same where he was to be expanded.
        return replace(user, manager_id=await self.manager_of(user.id))

    async def group(self, group_id: GroupId) -> Group | None:
        """See `ports.ChangeSource.group`. It is opaque unless the token shows hidden members."""

        def decode(record: Mapping[str, object]) -> Group:
            return replace(decode_group(record), is_opaque=has_hidden_membership(record))

        group = await self._object(self._queries.group(group_id), subject=GROUPS, decode=decode, asked_for=group_id)
        if group is None or not group.is_opaque:
            return group
        return await self.hidden_group(group)

    async def hidden_group(self, group: Group) -> Group:
        """A group that hides its members, opaque unless the token says that the app sees them all the same."""
        return replace(group, is_opaque=await self._hidden.are_shown() is not True)

    async def groups_named(self, display_name: str) -> Sequence[Group]:
        """See `ports.ChangeSource.groups_named`. Graph's own idea of equal names is not relied on."""
        wanted = fold(display_name)
        found: dict[GroupId, Group] = {}
        async with aclosing(self._reader.pages(self._queries.groups_named(display_name), subject=GROUPS)) as pages:
            async for _, raw in pages:
                page = await decode_page(raw.records, decode_group, what="groups")
                found.update((group.id, group) for group in page.items if fold(group.display_name) == wanted)
        return list(found.values())

    async def groups_of(self, user_id: UserId) -> AsyncGenerator[Page[GroupId], None]:
        """See `ports.ChangeSource.groups_of`."""
        is_begun = False
        try:
            async with aclosing(self._reader.pages(self._queries.groups_of(user_id), subject=GROUPS_OF_USER)) as pages:
                async for _, raw in pages:
                    is_begun = True
                    if tells_no_kind(raw.records):
                        raise NotOffered("Microsoft Graph does not tell which of a user's memberships are of groups")
                    page = await decode_page(raw.records, decode_member, what="memberships")
                    ids = [GroupId(one.id) for one in page.items if one.kind is MemberKind.GROUP]
                    yield Page(ids, page.skipped)
        except GraphRefused as error:
            if is_begun or not (error.is_missing_object or error.is_not_offered):
                raise
            if not error.is_missing_object or await self._is_there(user_id):
                raise NotOffered(f"this tenant's Graph does not tell the groups of users: {error}") from error

    async def _is_there(self, user_id: UserId) -> bool:
        """Whether there is such a user: where there is none nothing is told of his groups, and it looks the same."""
        _, plain = self._queries.user(user_id, ())
        try:
            await self._reader.one(plain, subject=USERS)
        except GraphRefused as error:
            return not error.is_missing_object
        return True

    async def kind_of(self, member_id: str) -> MemberKind:
        """What an object is whose id is all that is told of it; one that is gone by now is no user and no group.

        Raises:
            NotOffered: Graph tells no single users or groups.
        """
        _, plain = self._queries.user(UserId(member_id), ())
        if await self._object(plain, subject=USERS, decode=decode_user, asked_for=member_id) is not None:
            return MemberKind.USER
        return MemberKind.OTHER if await self.group(GroupId(member_id)) is None else MemberKind.GROUP

    async def with_managers(self, page: Page[User]) -> Page[User]:
        """The same users, each with the manager that is read for him."""
        try:
            async with asyncio.TaskGroup() as reads:
                managers = [reads.create_task(self.manager_of(user.id)) for user in page.items]
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from group
        found = [replace(user, manager_id=task.result()) for user, task in zip(page.items, managers, strict=True)]
        return Page(found, page.skipped)

    async def manager_of(self, user_id: UserId) -> UserId | None:
        """A user's manager.

        Raises:
            GraphUnavailable: The manager cannot be read, which is not "no manager".
            NotOffered: Graph tells no single managers.
        """
        try:
            return UserId(decode_id(await self._reader.one(self._queries.manager(user_id), subject=USERS)))
        except GraphRefused as error:
            if error.is_missing_object:
                return None
            if error.is_not_offered:
                raise NotOffered(f"this tenant's Graph does not tell managers: {error}") from error
            raise
        except OddRecord as error:
            raise unusable(f"the manager of user `{user_id}` cannot be read: {error}") from error

    async def _object(
        self, url: URL, *, subject: Subject, decode: Callable[[Mapping[str, object]], T], asked_for: str
    ) -> T | None:
        """One object, None if Graph says that there is none; any other object than the one asked for is an error."""
        try:
            found = decode(await self._reader.one(url, subject=subject))
        except GraphRefused as error:
            if error.is_missing_object:
                return None
            if error.is_not_offered:
                raise NotOffered(f"this tenant's Graph does not tell single {subject.name}: {error}") from error
            raise
        except OddRecord as error:
            raise unusable(f"`{asked_for}` cannot be read: {error}") from error
        if found.id != asked_for.lower():
            raise unusable(f"it was asked for `{asked_for}` and answered with `{found.id}`")
        return found
