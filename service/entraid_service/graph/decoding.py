"""Decoding a page in pieces, so that a large one does not hold the event loop."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from entraid_service.graph.decode import decode_records
from entraid_service.graph.refusals import unusable
from entraid_service.ports import Page, Skipped
from entraid_service.turns import Turns

T = TypeVar("T")

_PIECE = 64
"""Records that are decoded in one go: under a millisecond for users with every attribute."""

_FEW = 3
"""A page with no more odd records than this may be odd as a whole."""


async def decode_page(records: Sequence[object], decode: Callable[[Mapping[str, object]], T], *, what: str) -> Page[T]:
    """The records of a page, and those that were left out.

    Raises:
        GraphUnavailable: All of them are odd, and they are more than a few.
    """
    items: list[T] = []
    skipped: list[Skipped] = []
    turns = Turns()
    for start in range(0, len(records), _PIECE):
        decode_records(records[start : start + _PIECE], decode, items=items, skipped=skipped)
        await turns.take_turns()
    refuse_all_odd(items, skipped, what=what)
    return Page(items, skipped)


def refuse_all_odd(items: Sequence[object], skipped: Sequence[Skipped], *, what: str) -> None:
    """Refuses a page of which nothing can be read: it is no page of Graph's.

    Raises:
        GraphUnavailable: As it says.
    """
    if len(skipped) > _FEW and not items:
        raise unusable(
            f"none of the {len(skipped)} {what} of a page can be read, the first because {skipped[0].problem}"
        )
