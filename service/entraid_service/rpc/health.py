"""grpc.health.v1: whether the server, and each service of it, takes calls.

Written out, and not grpcio-health-checking's own, because that one's `Watch` never ends: one open watch would hold up a
clean stop until its grace is over.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable
from typing import TypeAlias

from grpc.aio import ServicerContext
from grpc_health.v1 import health_pb2, health_pb2_grpc

from entraid_service.errors import ResourceNotFound

OVERALL = ""
"""The name under which the whole server is asked for."""
SERVICE_NAME = "grpc.health.v1.Health"

_Request: TypeAlias = health_pb2.HealthCheckRequest
_Response: TypeAlias = health_pb2.HealthCheckResponse
_Context: TypeAlias = ServicerContext[_Request, Awaitable[_Response]]

_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
_SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


class HealthService(health_pb2_grpc.HealthServicer):
    """Answers for a fixed set of services, none of which serves before `start`."""

    def __init__(self, services: Iterable[str]) -> None:
        self._statuses: dict[str, int] = dict.fromkeys((OVERALL, *services), int(_NOT_SERVING))
        self._is_over = False
        self._changed = asyncio.Event()

    def start(self) -> None:
        """Everything serves."""
        self._set_all(_SERVING)

    def stop(self) -> None:
        """Nothing serves any more; every watch tells so and ends."""
        self._is_over = True
        self._set_all(_NOT_SERVING)

    def set(self, service: str, *, is_serving: bool) -> None:
        """Changes one service's status, for example while its database cannot be read. Ignored after `stop`."""
        if not self._is_over and service in self._statuses:
            self._statuses[service] = _SERVING if is_serving else _NOT_SERVING
            self._tell()

    async def Check(  # noqa: N802 - the contract's name
        self,
        request: _Request,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> _Response:
        """How a service stands now."""
        status = self._statuses.get(request.service)
        if status is None:
            raise ResourceNotFound("service", request.service)
        return _Response(status=status)

    async def Watch(  # noqa: N802 - the contract's name
        self,
        request: _Request,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> AsyncIterator[_Response]:
        """How a service stands, now and whenever that changes."""
        told: int | None = None
        while True:
            # What comes while a message is on the way is looked at in the next round.
            changed, is_over = self._changed, self._is_over
            status = self._statuses.get(request.service, _SERVICE_UNKNOWN)
            if status != told:
                told = status
                yield _Response(status=status)
            if is_over:
                return
            await changed.wait()

    def _set_all(self, status: int) -> None:
        for service in self._statuses:
            self._statuses[service] = status
        self._tell()

    def _tell(self) -> None:
        # Who waits holds the old event; who comes next waits for the new one.
        self._changed.set()
        self._changed = asyncio.Event()
