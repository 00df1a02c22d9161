"""What changed among a tenant's users and groups: rounds of delta queries, to their delta link.

A first round asks; a later one follows a kept link and asks nothing of its own. What a round tells in part only is read
as a whole before it is passed on. A change that cannot be read ends a later round as if its link had expired: to leave
it out would keep what is served as it was before the change, for as long as nothing else happens to that object.
"""

from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from yarl import URL

from entraid_service.errors import EntraidError, FeedUnsupported, ListExpired
from entraid_service.graph.decode import OddRecord, as_object, known_id
from entraid_service.graph.decode_changes import (
    GroupEntry,
    Told,
    decode_group_entry,
    decode_member_changes,
    decode_user_change,
)
from entraid_service.graph.decoding import decode_page, refuse_all_odd
from entraid_service.graph.hidden import HiddenMemberships
from entraid_service.graph.lookups import Lookups
from entraid_service.graph.pages import RawPage
from entraid_service.graph.permissions import GROUPS, USERS, Subject, users_with
from entraid_service.graph.queries import Queries, whole_properties
from entraid_service.graph.reader import Reader, is_bad_query, is_not_offered
from entraid_service.model.changes import (
    KEPT,
    GroupChange,
    GroupFeedItem,
    MemberChange,
    Removal,
    UserChange,
    UserFeedItem,
)
from entraid_service.model.ids import GroupId, UserId
from entraid_service.ports import FeedPage, Page, Skipped
from entraid_service.turns import Turns

_PORTION = 500
"""Members that are decoded in one go, and go into one change."""

_PART = 5_000
"""Members after which a part of a page is passed on."""

_UNTRACKED = frozenset(
    {
        "aboutMe",
        "birthday",
        "cloudLicensing",
        "customSecurityAttributes",  # not said to be tracked
        "deviceEnrollmentLimit",
        "hireDate",
        "interests",
        "licenseAssignmentStates",
        "mailboxSettings",
        "mySite",
        "pastProjects",
        "preferredName",
        "print",
        "responsibilities",
        "schools",
        "signInActivity",
        "skills",
    }
)
"""Properties whose changes the users' feed does not tell, https://learn.microsoft.com/graph/api/user-delta."""


@dataclass(slots=True)
class _Part:
    """What was read of a page of groups since the last part: changes, what was odd, and how many members."""

    items: list[GroupFeedItem] = field(default_factory=list)
    odd: list[Skipped] = field(default_factory=list)
    odd_members: list[Skipped] = field(default_factory=list)
    members: int = 0

    def page(self, *, is_first_round: bool, delta_link: str = "") -> FeedPage[GroupFeedItem]:
        """The part as it is passed on.

        Raises:
            ListExpired: As `_refuse_lost` and `_refuse_untold`.
            FeedUnsupported: As `_refuse_untold`.
        """
        if not is_first_round:
            _refuse_lost(self.odd, subject=GROUPS)
        _refuse_untold(self.odd_members, is_first_round=is_first_round)
        return FeedPage(self.items, self.odd + self.odd_members, delta_link)


class Feeds:
    """The feeds of one tenant."""

    def __init__(self, *, reader: Reader, queries: Queries, hidden: HiddenMemberships, lookups: Lookups) -> None:
        self._reader = reader
        self._queries = queries
        self._hidden = hidden
        self._lookups = lookups

    async def user_changes(
        self, attributes: Collection[str], *, link: str
    ) -> AsyncGenerator[FeedPage[UserFeedItem], None]:
        """See `ports.ChangeSource.user_changes`.

        A Graph that knows no `$deltatoken=latest` is asked for the first round in full, whose link goes on from its
        start. Attributes of which the feed would keep silent have no feed: they would grow old unnoticed.
        """
        properties = whole_properties(attributes)
        if untracked := [name for name in properties if _is_untracked(name)]:
            names = ", ".join(f"`{name}`" for name in untracked)
            raise FeedUnsupported(f"Microsoft Graph's delta queries do not tell changes of {names}")
        subject = users_with(properties)
        urls = self._queries.user_feed(attributes)
        async with aclosing(self._round(urls, link=link, subject=subject)) as pages:
            async for raw in pages:
                page = await decode_page(raw.records, decode_user_change, what="changes of users")
                if link:
                    _refuse_lost(page.skipped, subject=subject)
                yield FeedPage(page.items, page.skipped, raw.delta_link)

    async def managers(self) -> AsyncGenerator[Page[tuple[UserId, UserId | None]], None]:
        """See `ports.ChangeSource.managers`."""
        async with aclosing(self._first_round(self._queries.manager_feed(), subject=USERS)) as pages:
            async for raw in pages:
                page = await decode_page(raw.records, decode_user_change, what="managers")
                changes = [item for item in page.items if isinstance(item, UserChange)]
                told = [(one.id, None if one.manager_id is KEPT else one.manager_id) for one in changes]
                yield Page(told, page.skipped)

    async def group_changes(
        self, *, link: str, only: Collection[GroupId]
    ) -> AsyncGenerator[FeedPage[GroupFeedItem], None]:
        """See `ports.ChangeSource.group_changes`. Of a group with many members several changes come."""
        urls = self._queries.group_feed(only)
        wanted = frozenset(only)
        async with aclosing(self._round(urls, link=link, subject=GROUPS)) as pages:
            async for raw in pages:
                async with aclosing(self._group_parts(raw, is_first_round=not link, only=wanted)) as parts:
                    async for part in parts:
                        yield part

    async def _round(self, urls: Sequence[URL], *, link: str, subject: Subject) -> AsyncGenerator[RawPage, None]:
        pages = self._reader.next_round(link, subject=subject) if link else self._first_round(urls, subject=subject)
        async with aclosing(pages):
            async for page in pages:
                yield page

    async def _first_round(self, urls: Sequence[URL], *, subject: Subject) -> AsyncGenerator[RawPage, None]:
        is_begun = False
        refusals: list[EntraidError] = []

        def goes_on_after(error: EntraidError) -> bool:
            refusals.append(error)
            return is_bad_query(error) or is_not_offered(error)

        pages = self._reader.pages(urls, subject=subject, is_round=True, goes_on_after=goes_on_after)
        try:
            async with aclosing(pages):
                async for _, page in pages:
                    is_begun = True
                    yield page
        except EntraidError as error:
            # The last form asks for nothing special: what is said of it is said of the feed.
            if is_begun or not is_not_offered(refusals[-1]):
                raise
            raise FeedUnsupported(f"this tenant has no feed of {subject.name}: {error}") from error

    async def _group_parts(
        self, raw: RawPage, *, is_first_round: bool, only: frozenset[GroupId]
    ) -> AsyncGenerator[FeedPage[GroupFeedItem], None]:
        """A page in parts of some thousand members, as pages may have very many; the last part has the link."""
        part, turns = _Part(), Turns()
        is_cut = False
        for record in raw.records:
            if only and known_id(record) not in only:
                continue  # a filter that is not heeded must not widen what is synced
            try:
                entry = decode_group_entry(as_object(record), is_first_round=is_first_round)
            except OddRecord as error:
                part.odd.append(Skipped(known_id(record), str(error)))
                continue
            if isinstance(entry, Removal):
                part.items.append(entry)
            else:
                part.items += await self._changes(entry, skipped=part.odd_members, turns=turns)
                part.members += len(entry.members)
            await turns.take_turns()
            if part.members >= _PART:
                yield part.page(is_first_round=is_first_round)
                part, is_cut = _Part(), True
        if not is_cut:
            refuse_all_odd(part.items, part.odd, what="changes of groups")
        yield part.page(is_first_round=is_first_round, delta_link=raw.delta_link)

    async def _changes(self, entry: GroupEntry, *, skipped: list[Skipped], turns: Turns) -> list[GroupFeedItem]:
        """What an entry means; a group that was told in part is read, and may be gone by now."""
        group = entry.group
        if group is not None and entry.is_hidden:
            self._hidden.note(entry.id)
            group = await self._lookups.hidden_group(group)
        elif entry.told is Told.PART:
            group = await self._lookups.group(entry.id)
            if group is None:
                return [Removal(entry.id)]
        found: list[GroupFeedItem] = []
        for start in range(0, len(entry.members), _PORTION) or (0,):
            members: list[MemberChange] = []
            portion = entry.members[start : start + _PORTION]
            decode_member_changes(portion, entry.id, changes=members, skipped=skipped)
            found.append(GroupChange(entry.id, None if start else group, members))
            await turns.take_turns()
        return found


def _is_untracked(name: str) -> bool:
    """Whether the feed keeps silent about a property.

    That goes for schema extensions too, which have an underscore in their names as built-in properties have not;
    directory extensions are tracked (https://learn.microsoft.com/graph/extensibility-overview).
    """
    return name in _UNTRACKED or ("_" in name and not name.startswith("extension_"))


def _refuse_untold(odd: Sequence[Skipped], *, is_first_round: bool) -> None:
    """Ends a round that does not tell of a new member what it is: without it the group would look smaller.

    Raises:
        FeedUnsupported: In a first round: lists may tell.
        ListExpired: In a later one.
    """
    untold = next((one for one in odd if one.id), None)
    if untold is None:
        return
    text = f"the groups' feed does not tell what a member is: of `{untold.id}`, {untold.problem}"
    raise FeedUnsupported(text) if is_first_round else ListExpired(text)


def _refuse_lost(odd: Sequence[Skipped], *, subject: Subject) -> None:
    """Ends a later round in which a change of a known object cannot be read.

    Raises:
        ListExpired: As it says.
    """
    for one in odd:
        if one.id:
            raise ListExpired(f"a change among {subject.name} cannot be read: of `{one.id}`, {one.problem}")
