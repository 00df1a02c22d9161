"""Page tokens: where a list goes on, bound to the connection and to everything else that was asked for.

A token says nothing about rows, only behind which id the next page starts. `page_size` may change from page to page.
"""

from dataclasses import dataclass

from entraid_service.errors import InvalidPageToken
from entraid_service.rpc.signing import Signer

_PURPOSE = "page"


@dataclass(frozen=True, slots=True)
class ListCall:
    """What a list was asked for: `method`, the connection's `uid` (empty for connections), and the other arguments."""

    method: str
    uid: str = ""
    arguments: tuple[str, ...] = ()

    def binding(self) -> tuple[str, ...]:
        """What a token of this list is signed with."""
        return (_PURPOSE, self.method, self.uid, *self.arguments)


class PageTokens:
    """Issues and opens page tokens."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    def issue(self, call: ListCall, *, after: str) -> str:
        """The token of the page behind `after`."""
        return self._signer.sign(after, bound_to=call.binding())

    def open(self, call: ListCall, token: str) -> str | None:
        """Behind which id the page starts; None at the start of the list.

        Raises:
            InvalidPageToken: The token was altered, or belongs to another connection, method or arguments.
        """
        if not token:
            return None
        after = self._signer.open(token, bound_to=call.binding())
        if after is None:
            raise InvalidPageToken(
                "`page_token` is not one that was issued for this list: send the `next_page_token` of the page before "
                "with the same arguments, or leave it empty to start over"
            )
        return after
