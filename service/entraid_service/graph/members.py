"""The direct members of a group, read to the end of the list.

Where the plain list does not tell what its members are, it is read once more with all their properties, which do. A
member of whom they do not tell it either is asked for by its id: left out, the group would look smaller than it is.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from functools import partial

from yarl import URL

from entraid_service.errors import GroupGone, NotOffered
from entraid_service.graph.decode import decode_member, known_id, tells_no_kind
from entraid_service.graph.decoding import decode_page
from entraid_service.graph.hidden import HiddenMemberships
from entraid_service.graph.lookups import Lookups
from entraid_service.graph.pages import RawPage
from entraid_service.graph.permissions import GROUPS, HIDDEN_MEMBERS, MEMBERS, permission_missing
from entraid_service.graph.queries import Queries
from entraid_service.graph.reader import Reader
from entraid_service.graph.refusals import GraphRefused
from entraid_service.model.directory import Member, MemberKind
from entraid_service.model.ids import GroupId
from entraid_service.ports import Page


class MemberLists:
    """Reads the members of groups of one tenant."""

    def __init__(self, *, reader: Reader, queries: Queries, hidden: HiddenMemberships, lookups: Lookups) -> None:
        self._reader = reader
        self._queries = queries
        self._hidden = hidden
        self._lookups = lookups

    async def members(self, group_id: GroupId) -> AsyncGenerator[Page[Member], None]:
        """See `ports.DirectorySource.members`.

        A hidden membership is unreadable without Member.Read.Hidden. Where the token does not tell its permissions, an
        empty list of such a group is taken as unreadable as well.
        """
        try:
            is_hidden = await self._hidden.hides(group_id)
            are_shown = await self._hidden.are_shown() if is_hidden else True
            if are_shown is False:
                raise permission_missing(HIDDEN_MEMBERS)
            may_be_concealed = are_shown is None
            async with aclosing(self._records(group_id, is_hidden=is_hidden)) as pages:
                async for raw in pages:
                    may_be_concealed = may_be_concealed and not raw.records
                    kinds = await self._asked_kinds(raw)
                    yield await decode_page(raw.records, partial(decode_member, asked=kinds), what="members")
        except GraphRefused as error:
            if error.is_missing_object and not await self._is_there(group_id):
                raise GroupGone(f"group `{group_id}` was deleted while it was read") from error
            if error.is_not_offered:
                raise NotOffered(f"this tenant's Graph does not tell the members of a group: {error}") from error
            raise
        if may_be_concealed:
            raise permission_missing(HIDDEN_MEMBERS)

    async def _records(self, group_id: GroupId, *, is_hidden: bool) -> AsyncGenerator[RawPage, None]:
        async with aclosing(self._pages(self._queries.members(group_id), is_hidden=is_hidden)) as pages:
            async for raw in pages:
                if tells_no_kind(raw.records):
                    break
                yield raw
            else:
                return
        async with aclosing(self._pages(self._queries.whole_members(group_id), is_hidden=is_hidden)) as pages:
            async for raw in pages:
                yield raw

    async def _asked_kinds(self, raw: RawPage) -> dict[str, MemberKind]:
        """What those members are of whom the page does not tell it."""
        untold = [known_id(one) for one in raw.records if tells_no_kind([one])]
        try:
            async with asyncio.TaskGroup() as reads:
                kinds = {one: reads.create_task(self._lookups.kind_of(one)) for one in untold}
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from group
        return {one: task.result() for one, task in kinds.items()}

    async def _pages(self, urls: Sequence[URL], *, is_hidden: bool) -> AsyncGenerator[RawPage, None]:
        subject = HIDDEN_MEMBERS if is_hidden else MEMBERS
        async with aclosing(self._reader.pages(urls, subject=subject)) as pages:
            async for _, raw in pages:
                yield raw

    async def _is_there(self, group_id: GroupId) -> bool:
        """Whether there is such a group: where there is none its list is not found, and where there are no lists."""
        try:
            await self._reader.one(self._queries.visibility(group_id), subject=GROUPS)
        except GraphRefused as error:
            return not error.is_missing_object
        return True
