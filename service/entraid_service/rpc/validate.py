"""What single fields must look like. Each check returns the value in the form the core works with."""

import re
import uuid
from collections.abc import Sequence

from google.protobuf.duration_pb2 import Duration

from entraid_service.errors import EtagMismatch, InvalidField
from entraid_service.model.connection import Connection
from entraid_service.model.ids import is_guid
from entraid_service.model.scope import split_entries
from entraid_service.rpc.etag import etag
from entraid_service.rpc.names import connection_name, shown

LONGEST_DISPLAY_NAME = 256
LONGEST_SECRET = 64 * 1024
"""Characters of a client secret or of a PEM with its chain, bytes of a PFX; all of them are far smaller."""
MOST_GROUPS_TO_SYNC = 1000
MOST_EVALUATIONS = 500
"""Of one batch."""
_LONGEST_GROUP_ENTRY = 512
_LONGEST_DURATION_SECONDS = 315_576_000_000
"""Ten thousand years, the bound that google/protobuf/duration.proto sets itself."""
_NANOS = 1_000_000_000
_DOMAIN = re.compile(
    r"(?=.{4,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]", re.IGNORECASE | re.ASCII
)


def page_size(value: int, *, default: int, most: int) -> int:
    """How many entries a page holds: the default for 0, never more than `most`.

    Raises:
        InvalidField: It is negative.
    """
    if value < 0:
        raise InvalidField("page_size", f"`page_size` is {value}: use 0 for {default}, or a number up to {most}")
    return min(value or default, most)


def guid(text: str, field: str, *, what: str) -> str:
    """A GUID in lower case.

    Raises:
        InvalidField: It is none.
    """
    if not is_guid(text):
        raise InvalidField(
            field, f"`{shown(text)}` is not {what}: it has the form 00000000-0000-0000-0000-000000000000"
        )
    return text.lower()


def tenant(text: str, field: str) -> str:
    """A tenant's id or domain, in lower case.

    Raises:
        InvalidField: It is neither.
    """
    if not is_guid(text) and _DOMAIN.fullmatch(text) is None:
        raise InvalidField(
            field,
            f"`{shown(text)}` is neither a tenant ID (a GUID) nor a domain name such as `contoso.onmicrosoft.com`",
        )
    return text.lower()


def request_id(text: str, field: str) -> str:
    """A UUID in its canonical form, or nothing.

    Raises:
        InvalidField: It is something else.
    """
    if not text:
        return ""
    if not is_guid(text):
        raise InvalidField(field, f"`{shown(text)}` is not a UUID: leave it empty, or send a fresh UUID for each sync")
    return str(uuid.UUID(text))


def bounded(text: str, field: str, *, longest: int) -> str:
    """A text that is not too long.

    Raises:
        InvalidField: It is.
    """
    if len(text) > longest:
        raise InvalidField(field, f"`{field}` has {len(text)} characters: at most {longest} are taken")
    return text


def secret_text(text: str, field: str, *, advice: str = "send the value that the app registration shows") -> str:
    """A secret that is there. The error never repeats it, and says what to do if it is missing.

    Raises:
        InvalidField: It is empty or far too long.
    """
    if not text.strip():
        raise InvalidField(field, f"`{field}` is empty: {advice}")
    return bounded(text, field, longest=LONGEST_SECRET)


def secret_bytes(content: bytes, field: str) -> bytes:
    """A secret file that is there. The error never repeats it.

    Raises:
        InvalidField: It is empty or far too large.
    """
    if not content:
        raise InvalidField(field, f"`{field}` is empty: send the bytes of the file")
    if len(content) > LONGEST_SECRET:
        raise InvalidField(field, f"`{field}` has {len(content)} bytes: at most {LONGEST_SECRET} are taken")
    return content


def groups_to_sync(entries: Sequence[str], field: str) -> tuple[str, ...]:
    """Entries of Groups to Sync, one group each.

    Raises:
        InvalidField: There are too many, one is too long, or there are entries and none of them names a group.
    """
    if len(entries) > MOST_GROUPS_TO_SYNC:
        raise _too_many_groups(field, len(entries))
    groups = split_entries(entries)
    if len(groups) > MOST_GROUPS_TO_SYNC:
        raise _too_many_groups(field, len(groups))
    if entries and not groups:
        # As when a script's variable is not set: taken for "no entries" it would sync the whole directory.
        raise InvalidField(
            field, f"`{field}` names no group: name one, or send no entry at all, which syncs the whole directory"
        )
    for group in groups:
        if len(group) > _LONGEST_GROUP_ENTRY:
            raise InvalidField(field, f"`{shown(group)}` is too long for a group: {_LONGEST_GROUP_ENTRY} characters")
    return groups


def staleness(value: Duration, field: str) -> float:
    """A bound on age, in seconds.

    Raises:
        InvalidField: It is negative or no valid duration.
    """
    if value.seconds < 0 or value.nanos < 0:
        raise InvalidField(field, f"`{field}` is negative: give how old the data may be, for example `300s`")
    if value.seconds > _LONGEST_DURATION_SECONDS or value.nanos >= _NANOS:
        raise InvalidField(field, f"`{field}` is not a duration: at most {_LONGEST_DURATION_SECONDS} s are taken")
    return value.seconds + value.nanos / _NANOS


def matched_version(sent: str, connection: Connection) -> int | None:
    """The version that a change must find, None where the caller sent no etag.

    Raises:
        EtagMismatch: The etag is not the connection's.
    """
    if not sent:
        return None
    if sent != etag(connection):
        raise EtagMismatch(
            f"`{connection_name(connection.id)}` was changed since its etag `{shown(sent)}` was read: "
            "read it again and repeat the change"
        )
    return connection.version


def _too_many_groups(field: str, count: int) -> InvalidField:
    return InvalidField(
        field, f"`{field}` names {count} groups: at most {MOST_GROUPS_TO_SYNC} are taken; leave it out to sync them all"
    )
