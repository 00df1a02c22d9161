"""Snapshot tokens: which version of which connection an answer was taken from, signed."""

from dataclasses import dataclass

from google.protobuf.timestamp_pb2 import Timestamp

from entraid.v1 import snapshot_pb2
from entraid_service.errors import InvalidField
from entraid_service.model.snapshot import SnapshotVersion
from entraid_service.rpc.names import shown
from entraid_service.rpc.signing import Signer

_PURPOSE = "snapshot"


@dataclass(frozen=True, slots=True)
class SnapshotTokens:
    """Issues and opens snapshot tokens. `uid` is the connection's, so that a later one of its name shares none."""

    signer: Signer

    def issue(self, uid: str, revision: int) -> str:
        """The token of a revision; the same one every time."""
        return self.signer.sign(str(revision), bound_to=(_PURPOSE, uid))

    def label(self, uid: str, version: SnapshotVersion) -> snapshot_pb2.Snapshot:
        """How an answer names the data it was taken from."""
        sync_time = Timestamp()
        sync_time.FromDatetime(version.sync_time)
        return snapshot_pb2.Snapshot(token=self.issue(uid, version.revision), sync_time=sync_time)

    def revision(self, uid: str, token: str, *, field: str) -> int:
        """The revision that a token names.

        Raises:
            InvalidField: It is none that was issued for this connection.
        """
        payload = self.signer.open(token, bound_to=(_PURPOSE, uid))
        if payload is None:
            raise InvalidField(
                field,
                f"`{shown(token)}` is not a snapshot token of this connection: send the `token` of a `Snapshot` that "
                "it answered with",
            )
        return int(payload)
