"""Which version of a connection is served, as a row: read by lists and by views alike."""

import sqlite3

from entraid_service.model.ids import ConnectionId, TenantId
from entraid_service.model.snapshot import SnapshotVersion
from entraid_service.store import rows

SERVED = """
SELECT tenant_id, generation, revision, sync_time, scope,
    (SELECT groups_revision FROM generation WHERE id = snapshot.generation)
FROM snapshot WHERE connection_id = ?
"""


def decode_version(connection_id: ConnectionId, row: sqlite3.Row) -> SnapshotVersion:
    """The version of a row of `SERVED`."""
    return SnapshotVersion(
        connection_id=connection_id,
        tenant_id=TenantId(row[0]),
        generation=row[1],
        revision=row[2],
        sync_time=rows.decode_time(row[3]),
        scope=rows.decode_scope(row[4]),
        groups_revision=row[5] or 0,
    )
