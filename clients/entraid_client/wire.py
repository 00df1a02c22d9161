"""What the rooms of the four services have in common: the stubs of one channel and the way calls are made over it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from entraid.v1.access_service_pb2_grpc import AccessServiceStub
from entraid.v1.connection_service_pb2_grpc import ConnectionServiceStub
from entraid.v1.directory_service_pb2_grpc import DirectoryServiceStub
from entraid.v1.sync_service_pb2_grpc import SyncServiceStub

if TYPE_CHECKING:
    import grpc

    from entraid_client.calls import Calls


@dataclass(frozen=True, slots=True)
class Wire:
    """One channel's stubs, and how to call them."""

    calls: Calls
    connections: ConnectionServiceStub
    directory: DirectoryServiceStub
    syncs: SyncServiceStub
    access: AccessServiceStub


class OverWire:
    """Base of the rooms that make calls."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire


def wire_over(channel: grpc.aio.Channel, calls: Calls) -> Wire:
    """The stubs of every service over a channel."""
    return Wire(
        calls=calls,
        connections=ConnectionServiceStub(channel),
        directory=DirectoryServiceStub(channel),
        syncs=SyncServiceStub(channel),
        access=AccessServiceStub(channel),
    )
