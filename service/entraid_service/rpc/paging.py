"""Pages: how many rows to ask for, which of them fit, and where the next page starts."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from google.protobuf.message import Message

from entraid_service.rpc.page_tokens import ListCall, PageTokens

LARGEST_PAGE = 3 * 1024 * 1024
"""Bytes of a page. A client takes 4 MiB unless told otherwise (`grpc.max_receive_message_length`)."""

R = TypeVar("R")
M = TypeVar("M", bound=Message)


def page_of(
    rows: Sequence[R], encode: Callable[[R], M], *, size: int, key: Callable[[R], str]
) -> tuple[list[M], str | None]:
    """The messages of a page, and the key of its last row if more follow.

    Args:
        rows: Up to `size + 1` rows in the list's order; the one too many says that more follow.
        encode: The message of a row.
        size: The most rows on this page; fewer come if they would be too heavy, at least one if there is one.
        key: The position of a row in the list's order.
    """
    messages: list[M] = []
    weight = 0
    for row in rows[:size]:
        message = encode(row)
        weight += message.ByteSize()
        if messages and weight > LARGEST_PAGE:
            break
        messages.append(message)
    if messages and len(messages) < len(rows):
        return messages, key(rows[len(messages) - 1])
    return messages, None


def next_token(tokens: PageTokens, call: ListCall, after: str | None) -> str:
    """The token of the page behind `after`, empty if there is none."""
    return "" if after is None else tokens.issue(call, after=after)
