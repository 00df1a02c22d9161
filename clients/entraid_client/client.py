"""`EntraidClient`: one channel to the service and every call of its API.

It is put together here: the channel from `channel.py`, the way calls are made from `calls.py`, the calls
themselves from one room per service.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from entraid_client.access import AccessCalls
from entraid_client.calls import DEFAULT_DEADLINE, Calls
from entraid_client.channel import Tls, open_channel
from entraid_client.connections import ConnectionCalls
from entraid_client.directory import DirectoryCalls
from entraid_client.retry import RetryPolicy
from entraid_client.syncs import SyncCalls
from entraid_client.wire import wire_over

if TYPE_CHECKING:
    from datetime import timedelta
    from types import TracebackType


class EntraidClient(ConnectionCalls, SyncCalls, DirectoryCalls, AccessCalls):
    """An asyncio client of the entraid service; made and used within one event loop.

    ```python
    async with EntraidClient("127.0.0.1:50051") as client:
        answer = await client.evaluate_access("adele@contoso.com", group("Sales"), connection="contoso")
        print(is_allowed(answer))
    ```
    """

    def __init__(
        self,
        target: str,
        *,
        tls: Tls | None = None,
        deadline: timedelta = DEFAULT_DEADLINE,
        retry: RetryPolicy | None = None,
    ) -> None:
        """Opens the channel; it dials when the first call is made.

        Args:
            target: `host:port` of the service.
            tls: How to talk TLS; None speaks plain text.
            deadline: For each call with all its repetitions, unless the call brings its own.
            retry: How to insist when the service is unavailable.

        Raises:
            OSError: A file of `tls` cannot be read.
        """
        self._channel = open_channel(target, tls)
        super().__init__(wire_over(self._channel, Calls(deadline=deadline, retry=retry or RetryPolicy())))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the channel; calls that are under way are cancelled."""
        await self._channel.close()
