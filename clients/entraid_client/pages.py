"""Walks a paged list to its end.

Only an empty `next_page_token` ends a list: a page may be short, or empty, and more may follow. A token that comes back
would be walked for ever, so it is an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from entraid_client import decode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from google.protobuf.descriptor import MethodDescriptor


class Page(Protocol):
    """An answer that says how to fetch the one after it."""

    @property
    def next_page_token(self) -> str:
        """Empty on the last page."""


AnyPage = TypeVar("AnyPage", bound=Page)


async def walk(fetch: Callable[[str], Awaitable[AnyPage]], *, rpc: MethodDescriptor) -> AsyncIterator[AnyPage]:
    """Every page of a list, each fetched when it is asked for.

    Args:
        fetch: Fetches the page of a token; the first page's is empty.
        rpc: The call that fetches, for errors.

    Raises:
        EntraidError: A page could not be fetched, or the list goes round in circles.
    """
    seen: set[str] = set()
    token = ""
    while True:
        page = await fetch(token)
        yield page
        token = page.next_page_token
        if not token:
            return
        if token in seen:
            raise decode.fault("the list does not end: a page token came back a second time", rpc=rpc.full_name)
        seen.add(token)
