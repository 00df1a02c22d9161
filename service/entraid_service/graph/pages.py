"""A list of Graph, or a round of a feed, page by page, to its end.

A list ends where there is no next link, and nowhere else: not at a short page, not at an empty one; a round of a feed
ends where there is a delta link. Links are taken as they are (https://learn.microsoft.com/graph/paging), but only to
Graph itself (`links`), and never twice. The next page is fetched while this one is used. What the records are is not
known here.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass

from yarl import URL

from entraid_service.graph.links import Links
from entraid_service.graph.refusals import unusable

_NEXT = "@odata.nextLink"
_DELTA = "@odata.deltaLink"

Fetch = Callable[[URL], Awaitable[dict[str, object]]]


@dataclass(frozen=True, slots=True)
class RawPage:
    """The records of a page; the last page of a round, and no other, has the link for the next round."""

    records: list[object]
    delta_link: str = ""


async def read_pages(
    first: URL, *, fetch: Fetch, links: Links, is_round: bool = False
) -> AsyncGenerator[RawPage, None]:
    """Each page of a list, or of a round of a feed; a page may have no records.

    Raises:
        GraphUnavailable: A page or a link breaks the protocol; and what `fetch` raises.
    """
    links.follow(str(first))
    body = await fetch(first)
    upcoming: asyncio.Task[dict[str, object]] | None = None
    try:
        while True:
            records = _records(body)
            link = _next_link(body)
            delta_link = _delta_link(body, links) if is_round and link is None else ""
            if link is not None:
                upcoming = asyncio.ensure_future(fetch(links.follow(link)))
            yield RawPage(records, delta_link)
            if upcoming is None:
                return
            body = await upcoming
            upcoming = None
    finally:
        if upcoming is not None:
            await _dropped(upcoming)


async def _dropped(task: "asyncio.Task[dict[str, object]]") -> None:
    """Ends the fetch of a page that nobody will read."""
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.exception()


def _records(body: dict[str, object]) -> list[object]:
    records = body.get("value")
    if not isinstance(records, list):
        raise unusable("a page of a list has no `value`")
    return records


def _next_link(body: dict[str, object]) -> str | None:
    link = body.get(_NEXT)
    if link is None:
        return None
    if not isinstance(link, str) or not link:
        raise unusable("a next link is not a text")
    if body.get(_DELTA) is not None:
        raise unusable("a page has both a next link and a delta link")
    return link


def _delta_link(body: dict[str, object], links: Links) -> str:
    link = body.get(_DELTA)
    if not isinstance(link, str) or not link:
        # https://learn.microsoft.com/graph/delta-query-overview: a round that ends without one is not complete.
        raise unusable("a page of a feed has neither a next link nor a delta link")
    links.checked(link)
    return link
