"""What went wrong, as a value: kept with runs and connections, told to callers.

The reasons are those of `ErrorReason` in `protos/entraid/v1/errors.proto`; the gRPC status of each is `rpc`'s business.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field


class ErrorReason(enum.Enum):
    """The machine-readable ground of an error; names and numbers are the contract's."""

    INVALID_FIELD = 1
    INVALID_PAGE_TOKEN = 2
    INVALID_FILTER = 3
    RESOURCE_NOT_FOUND = 4
    CONNECTION_EXISTS = 5
    CONSENT_PENDING = 6
    CONSENT_DECLINED = 7
    PERMISSION_MISSING = 8
    CREDENTIALS_REJECTED = 9
    SYNC_IN_PROGRESS = 10
    DIRECTORY_NOT_SYNCED = 11
    DIRECTORY_STALE = 12
    GRAPH_THROTTLED = 13
    GRAPH_UNAVAILABLE = 14
    ETAG_MISMATCH = 15
    CONSENT_NOT_OFFERED = 16
    SERVICE_UNAVAILABLE = 17
    OVERLOADED = 18
    RUN_SUPERSEDED = 19


@dataclass(frozen=True, slots=True)
class ErrorReport:
    """An error that outlives the call it happened in.

    `status` is the name of a gRPC status code (`UNAVAILABLE`); `reason` is None where the contract has none, as for a
    cancelled run.
    """

    status: str
    message: str
    reason: ErrorReason | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
