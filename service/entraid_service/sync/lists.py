"""Reading one list to its end, again from its start where Graph forgot it in between."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from entraid_service.errors import GraphUnavailable, ListExpired
from entraid_service.ports import Skipped
from entraid_service.sync.progress import ProgressBoard

T = TypeVar("T")

_ATTEMPTS = 3


async def restarting(read: Callable[[], Awaitable[T]]) -> T:
    """What `read` returns; it is called again, and has to drop what it had, while Graph drops the list's paging state.

    Raises:
        GraphUnavailable: Graph forgot the list every time.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return await read()
        except ListExpired:
            continue
    try:
        return await read()
    except ListExpired as error:
        raise GraphUnavailable(
            f"Microsoft Graph dropped a list {_ATTEMPTS} times while it was read ({error}); nothing was changed, "
            "the next sync tries again"
        ) from error


class _WithSkipped(Protocol):
    @property
    def skipped(self) -> Sequence[Skipped]: ...


P = TypeVar("P", bound=_WithSkipped)


async def noting_skipped(pages: AsyncIterator[P], board: ProgressBoard) -> AsyncIterator[P]:
    """The same pages; what they left out is counted and named."""
    async for page in pages:
        for skipped in page.skipped:
            board.skip(skipped)
        yield page
