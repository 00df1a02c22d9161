"""Reading one object, a list, or a round of a feed; in another form where Graph refuses the first one.

A list that has begun is never begun again in another form, which would mix two lists. What is read is not known here.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from yarl import URL

from entraid_service.errors import EntraidError, GraphUnavailable, ListExpired
from entraid_service.graph.caller import GraphCaller
from entraid_service.graph.limits import Limits
from entraid_service.graph.links import Links
from entraid_service.graph.pages import RawPage, read_pages
from entraid_service.graph.permissions import Subject
from entraid_service.graph.refusals import GraphRefused


def is_bad_query(error: EntraidError) -> bool:
    """Whether Graph refused the query, so that another form may be taken."""
    return isinstance(error, GraphRefused) and error.is_bad_query


def is_not_offered(error: EntraidError) -> bool:
    """Whether Graph knows no such feed, or not in this form.

    One that takes `latest` for a link of its own says that this link has expired.
    """
    return isinstance(error, ListExpired) or (isinstance(error, GraphRefused) and error.is_not_offered)


class Reader:
    """Reads from one tenant's Graph."""

    def __init__(self, *, base: URL, caller: GraphCaller, limits: Limits) -> None:
        self._base = base
        self._caller = caller
        self._limits = limits

    async def one(self, url: URL, *, subject: Subject) -> dict[str, object]:
        """See `GraphCaller.get`."""
        return await self._caller.get(url, subject=subject)

    async def pages(
        self,
        urls: Sequence[URL],
        *,
        subject: Subject,
        is_round: bool = False,
        goes_on_after: Callable[[EntraidError], bool] = is_bad_query,
    ) -> AsyncGenerator[tuple[URL, RawPage], None]:
        """The pages of the first of these that Graph takes, each with the URL of its list.

        Raises:
            EntraidError: As `GraphCaller.get`; where none of them is taken, what Graph said of the first.
        """
        first_refusal: EntraidError | None = None
        for url in urls:
            is_begun = False
            try:
                async with aclosing(self._pages(url, subject=subject, is_round=is_round)) as pages:
                    async for page in pages:
                        is_begun = True
                        yield url, page
            except EntraidError as error:
                if is_begun or not goes_on_after(error):
                    raise
                first_refusal = first_refusal or error
            else:
                return
        if first_refusal is not None:
            raise first_refusal

    async def next_round(self, link: str, *, subject: Subject) -> AsyncGenerator[RawPage, None]:
        """The round of a feed that a kept link leads to.

        The link is all that is asked, so whatever Graph refuses about it means that the link is worthless; so does a
        link that leads elsewhere.

        Raises:
            ListExpired: Graph does not take the link, or not any more.
            EntraidError: As `GraphCaller.get`.
        """
        is_begun = False
        try:
            first = Links(self._base, most=1).checked(link)
        except GraphUnavailable as error:
            raise ListExpired(f"the link that was kept for {subject.name} is not used: {error}") from error
        try:
            async with aclosing(self._pages(first, subject=subject, is_round=True)) as pages:
                async for page in pages:
                    is_begun = True
                    yield page
        except GraphRefused as error:
            if is_begun:
                raise
            raise ListExpired(f"the link that was kept for {subject.name} is not taken any more: {error}") from error

    def _pages(self, first: URL, *, subject: Subject, is_round: bool) -> AsyncGenerator[RawPage, None]:
        return read_pages(
            first,
            fetch=lambda link: self._caller.get(link, subject=subject),
            links=Links(self._base, most=self._limits.pages),
            is_round=is_round,
        )
