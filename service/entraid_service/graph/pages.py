"""A list of Graph, page by page, to its end.

A list ends where there is no next link, and nowhere else: not at a short page, not at an empty one. Links are taken as
they are (https://learn.microsoft.com/graph/paging), but only to Graph itself, and never twice. The next page is fetched
while this one is used. What the records are is not known here.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable

from yarl import URL

from entraid_service.graph.refusals import unusable

_NEXT = "@odata.nextLink"
_DELTA = "@odata.deltaLink"

Fetch = Callable[[URL], Awaitable[dict[str, object]]]


class Links:
    """The links of one list: where they may lead, and which were followed."""

    def __init__(self, base: URL, *, most: int) -> None:
        self._origin = (base.scheme, base.host, base.port)
        self._most = most
        self._followed: set[bytes] = set()

    def follow(self, link: str) -> URL:
        """The URL of a link, exactly as Graph wrote it.

        Raises:
            GraphUnavailable: It leads elsewhere, was followed before, or there are too many.
        """
        url = _parsed(link)
        if url is None or (url.scheme, url.host, url.port) != self._origin or url.user or url.password:
            # The token would go there.
            raise unusable(f"a next link leads to `{_place(url)}` in place of Graph")
        mark = hashlib.blake2b(link.encode(), digest_size=16).digest()
        if mark in self._followed:
            raise unusable("a next link came twice, the list has no end")
        if len(self._followed) >= self._most:
            raise unusable(f"a list has more than {self._most} pages")
        self._followed.add(mark)
        return url


async def read_pages(first: URL, *, fetch: Fetch, links: Links) -> AsyncGenerator[list[object], None]:
    """The records of each page; a page may have none.

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
            if link is not None:
                upcoming = asyncio.ensure_future(fetch(links.follow(link)))
            yield records
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


def _parsed(link: str) -> URL | None:
    try:
        url = URL(link, encoded=True)
        _ = url.port  # a port that is no number shows only here
    except ValueError:
        return None
    return url


def _place(url: URL | None) -> str:
    return f"{url.scheme}://{url.host}:{url.port}" if url is not None and url.host else "no host"
