"""Which data an answer was taken from."""

from dataclasses import dataclass
from datetime import datetime

from entraid_service.model.ids import ConnectionId, TenantId
from entraid_service.model.scope import Scope


@dataclass(frozen=True, slots=True)
class SnapshotVersion:
    """One version of a connection's directory data.

    `generation` names one complete read (a full sync), `revision` grows with every commit of the connection and never
    returns. `groups_revision` is the revision at which groups or their nesting last changed within the generation, 0 if
    they did not.
    """

    connection_id: ConnectionId
    tenant_id: TenantId
    generation: int
    revision: int
    sync_time: datetime
    scope: Scope
    groups_revision: int = 0
