"""What delta links are good for, as a digest. Pure.

Microsoft Graph encodes the selected properties and the filter into a link, and a link is of one app in one tenant:
under any other settings it would tell changes of something else
(https://learn.microsoft.com/graph/delta-query-overview).
"""

import hashlib
from collections.abc import Iterable

from entraid_service.model.connection import Connection

_FORMAT = "1"


def binding(connection: Connection, attributes: Iterable[str], *, graph_url: str) -> str:
    """The digest of everything that a connection's links depend on."""
    digest = hashlib.sha256()
    parts = (
        _FORMAT,
        graph_url,
        connection.tenant_id,
        connection.client_id,
        *sorted(attributes),
        "",
        *sorted(connection.groups_to_sync),
    )
    for part in parts:
        digest.update(f"{len(part)}:{part}".encode())
    return digest.hexdigest()
