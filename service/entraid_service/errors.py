"""What can go wrong, grouped by what the caller can do about it.

EntraidError
├── RetryLater                the same call may succeed later
│   ├── GraphThrottled
│   ├── GraphUnavailable      no answer, a 5xx, or an answer that breaks Graph's protocol
│   ├── EntraUnavailable      the login side did not answer
│   ├── StoreUnavailable      the database did not answer
│   ├── Stopping              this process ends; another one takes the call
│   ├── Overloaded            more calls wait than can be answered in time
│   ├── ListExpired           Graph forgot a list while it was read; `sync` starts that list again
│   ├── FeedUnsupported       this tenant's Graph has no delta queries; `sync` reads everything instead
│   └── GroupGone             a group was deleted while it was read; `sync` leaves it out
├── Reauthorize               an administrator has to act
│   ├── CredentialsRejected
│   ├── PermissionMissing
│   ├── ConsentPending
│   ├── ConsentDeclined
│   ├── ConsentNotOffered     the settings name no app of the service's own
│   └── SecretUnreadable      a stored credential cannot be decrypted
├── FixRequest                the request itself is wrong
│   ├── InvalidField
│   ├── InvalidPageToken
│   ├── InvalidFilter
│   ├── ResourceNotFound
│   ├── ConnectionExists
│   ├── ConsentLapsed         a link or an answer belongs to no consent under way
│   └── EtagMismatch
├── Resync                    the data for an answer is not there
│   ├── SyncInProgress
│   ├── DirectoryNotSynced
│   └── DirectoryStale
├── RunSuperseded             a held run whose base is not served any more
└── SyncStopped               a run that ended before it could commit

Each knows the gRPC status and the reason of the contract, as names: what they become on the wire is `rpc`'s business.
What is not in this tree is our bug.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import ClassVar

from entraid_service.model.report import ErrorReason, ErrorReport


class EntraidError(Exception):
    """An error that is told to the caller; `str()` is the sentence for people and holds no secret."""

    status: ClassVar[str] = "INTERNAL"
    reason: ClassVar[ErrorReason | None] = None

    @property
    def metadata(self) -> Mapping[str, str]:
        """What a program may need beside the reason, by the keys of the contract."""
        return {}

    def report(self) -> ErrorReport:
        """The error as a value to keep."""
        return ErrorReport(status=self.status, message=str(self), reason=self.reason, metadata=dict(self.metadata))


class RetryLater(EntraidError):  # noqa: N818 - the names of this tree say what happened
    """The same call may succeed later. `retry_after` says when: what the other side asked for, else what is usual."""

    status = "UNAVAILABLE"
    usual_wait: ClassVar[timedelta | None] = None

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = self.usual_wait if retry_after is None else retry_after


class GraphThrottled(RetryLater):
    """Microsoft Graph answered 429 more often than we were ready to wait for."""

    reason = ErrorReason.GRAPH_THROTTLED
    usual_wait = timedelta(seconds=10)


class GraphUnavailable(RetryLater):
    """Microsoft Graph did not answer, or not by its protocol. `request_id` is Graph's, for Microsoft's support."""

    reason = ErrorReason.GRAPH_UNAVAILABLE
    usual_wait = timedelta(seconds=5)

    def __init__(self, message: str, *, request_id: str = "", retry_after: timedelta | None = None) -> None:
        super().__init__(message, retry_after=retry_after)
        self.request_id = request_id

    @property
    def metadata(self) -> Mapping[str, str]:
        """`request_id`, where Graph gave one."""
        return {"request_id": self.request_id} if self.request_id else {}


class NotOffered(GraphUnavailable):
    """Microsoft Graph, or what stands in its place, has no such resource: another way may tell the same."""


class EntraUnavailable(RetryLater):
    """The login side of Entra did not answer."""

    reason = ErrorReason.GRAPH_UNAVAILABLE
    usual_wait = timedelta(seconds=5)


class StoreUnavailable(RetryLater):
    """The database could not be read or written."""

    reason = ErrorReason.SERVICE_UNAVAILABLE
    usual_wait = timedelta(seconds=1)


class Stopping(RetryLater):
    """This process is about to end: another one, or its successor, takes the call."""

    reason = ErrorReason.SERVICE_UNAVAILABLE
    usual_wait = timedelta(milliseconds=200)


class Overloaded(RetryLater):
    """More calls are waiting than can be answered in time."""

    status = "RESOURCE_EXHAUSTED"
    reason = ErrorReason.OVERLOADED
    usual_wait = timedelta(seconds=1)


class ListExpired(RetryLater):
    """Graph dropped the paging state of a list (`Directory_ExpiredPageToken`, an aged delta link)."""

    reason = ErrorReason.GRAPH_UNAVAILABLE


class FeedUnsupported(RetryLater):
    """This tenant's Graph offers no delta query, as tenants of Entra External ID do not."""

    reason = ErrorReason.GRAPH_UNAVAILABLE


class GroupGone(RetryLater):
    """A group was deleted while its members were read."""

    reason = ErrorReason.GRAPH_UNAVAILABLE


class Reauthorize(EntraidError):  # noqa: N818 - see above
    """An administrator of the tenant has to act."""

    status = "FAILED_PRECONDITION"


class CredentialsRejected(Reauthorize):
    """Entra rejected the credentials. `aadsts` is Entra's code, for example `AADSTS7000215`."""

    reason = ErrorReason.CREDENTIALS_REJECTED

    def __init__(self, message: str, *, aadsts: str = "", trace_id: str = "") -> None:
        super().__init__(message)
        self.aadsts = aadsts
        self.trace_id = trace_id

    @property
    def metadata(self) -> Mapping[str, str]:
        """`aadsts` and Entra's `trace_id`, where it gave them."""
        return {key: value for key, value in (("aadsts", self.aadsts), ("trace_id", self.trace_id)) if value}


class TenantUntold(CredentialsRejected):
    """Entra knows the tenant of a domain, and does not tell its ID."""


class PermissionMissing(Reauthorize):
    """The app lacks Microsoft Graph application permissions, named in `missing`."""

    reason = ErrorReason.PERMISSION_MISSING

    def __init__(self, message: str, *, missing: tuple[str, ...]) -> None:
        super().__init__(message)
        self.missing = missing

    @property
    def metadata(self) -> Mapping[str, str]:
        """`missing_permissions`, joined by commas."""
        return {"missing_permissions": ",".join(self.missing)}


class ConsentPending(Reauthorize):
    """The connection waits for an administrator's consent."""

    reason = ErrorReason.CONSENT_PENDING


class ConsentDeclined(Reauthorize):
    """An administrator declined. `error` is Entra's word for it, `aadsts` its code."""

    status = "PERMISSION_DENIED"
    reason = ErrorReason.CONSENT_DECLINED

    def __init__(self, message: str, *, error: str, aadsts: str = "", trace_id: str = "") -> None:
        super().__init__(message)
        self.error = error
        self.aadsts = aadsts
        self.trace_id = trace_id

    @property
    def metadata(self) -> Mapping[str, str]:
        """`error`, as Entra gave it, and `aadsts` and `trace_id` where it gave them."""
        given = (("error", self.error), ("aadsts", self.aadsts), ("trace_id", self.trace_id))
        return {key: value for key, value in given if value}


class ConsentNotOffered(Reauthorize):
    """The service has no app of its own that an administrator could consent to."""

    reason = ErrorReason.CONSENT_NOT_OFFERED


class SecretUnreadable(Reauthorize):
    """A stored credential cannot be decrypted with the keys at hand."""

    reason = ErrorReason.CREDENTIALS_REJECTED


class FixRequest(EntraidError):  # noqa: N818 - see above
    """The request itself is wrong and will stay so."""

    status = "INVALID_ARGUMENT"


class InvalidField(FixRequest):
    """A field broke a rule. `field` is its path in the request."""

    reason = ErrorReason.INVALID_FIELD

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class InvalidPageToken(FixRequest):
    """A page token was altered, or sent with other arguments than those it was issued for."""

    reason = ErrorReason.INVALID_PAGE_TOKEN


class InvalidFilter(FixRequest):
    """A filter did not parse. `position` counts characters from 0."""

    reason = ErrorReason.INVALID_FILTER

    def __init__(self, message: str, *, position: int) -> None:
        super().__init__(message)
        self.position = position

    @property
    def metadata(self) -> Mapping[str, str]:
        """`position`."""
        return {"position": str(self.position)}


class ResourceNotFound(FixRequest):
    """Nothing has that resource name; `name` is the whole of it."""

    status = "NOT_FOUND"
    reason = ErrorReason.RESOURCE_NOT_FOUND

    def __init__(self, resource_type: str, name: str) -> None:
        super().__init__(f"no {resource_type} is named `{name}`: list what there is")
        self.resource_type = resource_type
        self.name = name

    @property
    def metadata(self) -> Mapping[str, str]:
        """`resource_type` and `name`."""
        return {"resource_type": self.resource_type, "name": self.name}


class ConnectionExists(FixRequest):
    """The connection id is taken by another tenant."""

    status = "ALREADY_EXISTS"
    reason = ErrorReason.CONNECTION_EXISTS


class ConsentLapsed(FixRequest):
    """A link, state or cookie belongs to no consent that is under way: used, expired, replaced, or never ours."""

    reason = ErrorReason.INVALID_FIELD


class EtagMismatch(FixRequest):
    """The resource was changed since the caller read it."""

    status = "ABORTED"
    reason = ErrorReason.ETAG_MISMATCH


class Resync(EntraidError):  # noqa: N818 - see above
    """The data for an answer is not there, or being made."""

    status = "FAILED_PRECONDITION"


class SyncInProgress(Resync):
    """Another sync of the connection runs. `sync_run` is its resource name."""

    status = "ABORTED"
    reason = ErrorReason.SYNC_IN_PROGRESS

    def __init__(self, sync_run: str) -> None:
        super().__init__(f"`{sync_run}` is still running; watch it, or cancel it first")
        self.sync_run = sync_run

    @property
    def metadata(self) -> Mapping[str, str]:
        """`sync_run`."""
        return {"sync_run": self.sync_run}


class DirectoryNotSynced(Resync):
    """No sync of the connection has completed yet."""

    reason = ErrorReason.DIRECTORY_NOT_SYNCED


class DirectoryStale(Resync):
    """The freshness bound cannot be met. `sync_time` is that of the newest snapshot."""

    reason = ErrorReason.DIRECTORY_STALE

    def __init__(self, message: str, *, sync_time: datetime) -> None:
        super().__init__(message)
        self.sync_time = sync_time

    @property
    def metadata(self) -> Mapping[str, str]:
        """`sync_time`, RFC 3339."""
        return {"sync_time": self.sync_time.isoformat()}


class RunSuperseded(EntraidError):  # noqa: N818 - see above
    """A run cannot take effect: it lost its lease, or what it was compared with is not served any more."""

    status = "FAILED_PRECONDITION"
    reason = ErrorReason.RUN_SUPERSEDED


class SyncStopped(EntraidError):  # noqa: N818 - see above
    """A run ended before it could commit: by a caller, a shutdown or a crash."""

    status = "CANCELLED"
