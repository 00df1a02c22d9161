"""The way into a server: calls are turned away in plain words while there are too many, and at its end.

Without it gRPC itself would cancel them, which tells a caller neither why nor what to do.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from entraid_service.errors import Stopping
from entraid_service.rpc.overload import Admission

_HEALTH: Final = "/grpc.health.v1.Health/"


class Gate:
    """Refuses calls while there are too many, and new ones once it is closed.

    Streams are only counted: those that are open are ended by who keeps them, the others fail as they begin.
    """

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._admits = admission.admits
        self.is_closed = False
        self.stream_began: Final = admission.stream_began
        self.stream_ended: Final = admission.stream_ended

    def entrance(self, method: str) -> Callable[[], bool]:
        """What a call of this method asks as it begins: whether it is not too many. Questions for health never are.

        What is returned raises:
            Stopping: The server stops.
        """
        return self._enter_if_open if method.startswith(_HEALTH) else self._enter

    async def quiet(self, shortest: float, longest: float) -> None:
        """Returns once no call has arrived for `shortest` seconds, at the latest after `longest`."""
        end = time.monotonic() + longest
        while True:
            arrived = self._admission.calls
            await asyncio.sleep(shortest)
            if arrived == self._admission.calls or time.monotonic() >= end:
                return

    def _enter(self) -> bool:
        if self.is_closed:
            raise _stopping()
        return self._admits()

    def _enter_if_open(self) -> bool:
        if self.is_closed:
            raise _stopping()
        return True


def _stopping() -> Stopping:
    return Stopping("the service is stopping: call again, another one may take it")
