"""A connection's etag: which connection, and which version of it, in a form that callers do not read."""

import hashlib

from entraid_service.model.connection import Connection


def etag(connection: Connection) -> str:
    """The quoted etag. A later connection of the same name never repeats it."""
    digest = hashlib.sha256(f"{connection.uid}\n{connection.version}".encode()).hexdigest()
    return f'"{digest[:20]}"'
