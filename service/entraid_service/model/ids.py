"""Names of things: who is who, and when two names are the same.

Object ids are opaque strings to Graph and GUIDs in practice; they are kept in lower case, so that equal ids are equal
strings.
"""

import re
import unicodedata
from typing import NewType

ConnectionId = NewType("ConnectionId", str)
"""The caller's name of a connection, the `{connection}` of resource names."""

TenantId = NewType("TenantId", str)
"""The tenant's GUID in lower case."""

UserId = NewType("UserId", str)
"""A user's Entra object id in lower case."""

GroupId = NewType("GroupId", str)
"""A group's Entra object id in lower case."""

SyncRunId = NewType("SyncRunId", str)
"""The `{sync_run}` of resource names."""

_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


def is_guid(text: str) -> bool:
    """Whether a text has the form of an object id."""
    return _GUID.fullmatch(text) is not None


def fold(text: str) -> str:
    """The form in which attribute values and group names compare: case does not matter."""
    return text.casefold()


def fold_name(text: str) -> str:
    """The form in which names of users compare: neither case nor compatible spellings matter.

    Folding can leave a text that is not normalised, and normalising one that is not folded (the Unicode standard's
    definition of compatibility caseless matching, D146, for that reason folds between two normalisations).
    """
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
