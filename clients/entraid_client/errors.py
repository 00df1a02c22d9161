"""What a call can end in, grouped by what the caller can do about it.

EntraidError
├── RetryLater                 the same call may succeed later; `retry_after` says when, if the server knows
│   ├── GraphThrottled
│   ├── GraphUnavailable
│   ├── ServiceUnavailable     the service itself cannot be reached, or stops
│   ├── Overloaded             the service has more calls than it can take
│   └── DeadlinePassed         no answer in the time that the caller gave
├── Reauthorize                an administrator has to act in Microsoft Entra
│   ├── ConsentPending
│   ├── ConsentDeclined
│   ├── PermissionMissing
│   └── CredentialsRejected
├── FixRequest                 the request itself is wrong; sending it again changes nothing
│   ├── InvalidField
│   ├── InvalidPageToken
│   ├── InvalidFilter
│   ├── ResourceNotFound
│   ├── ConnectionExists
│   ├── Conflict               somebody else changed the resource in between
│   ├── ConsentNotOffered      the service has no app of its own to consent to
│   └── CallerRefused          this caller may not make the call
├── Resync                     the data for an answer is not there
│   ├── SyncInProgress
│   ├── DirectoryNotSynced
│   ├── DirectoryStale
│   └── RunSuperseded          a held run that newer data has overtaken
├── NotOffered                 this server does not have the call
└── ServerFault                a bug, in the service or in what lies between

None of them holds the request, so none can show a secret. How an answer becomes one of them is told in `decode.py`.
"""

# ruff: noqa: N818 - the names of this tree say what happened; `Error` at the end of each would say nothing

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    import grpc


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field of the request that the server refused."""

    field: str
    """Path in the request, for example `condition.all_of.conditions[1].attribute`; may be empty."""

    description: str
    """What is wrong with it, for people."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What a server said when it refused a call."""

    code: grpc.StatusCode
    """The gRPC status code."""

    message: str
    """The server's sentence for people."""

    rpc: str = ""
    """The call's full name, for example `entraid.v1.SyncService.Sync`; empty for a part of a batch."""

    reason: str = ""
    """`ErrorReason` of the contract by name, as sent; empty if the server gave none of ours."""

    metadata: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """What the contract promises along with the reason, for example `sync_run`."""

    violations: tuple[FieldViolation, ...] = ()
    """The refused fields; empty unless the request is wrong."""

    retry_after: timedelta | None = None
    """How long the server asks to be left alone; None if it does not say."""


class EntraidError(Exception):
    """A call that did not succeed. `str()` is the server's sentence; `problem` is everything it said."""

    remedy: ClassVar[str] = "Ask the service's operator, and name the call and the time."

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem

    @property
    def retry_after(self) -> timedelta | None:
        """How long to wait before the next try; None if the server does not say."""
        return self.problem.retry_after


class RetryLater(EntraidError):
    """The same call may succeed later."""

    remedy = "Try again in a moment."


class GraphThrottled(RetryLater):
    """Microsoft Graph asks for fewer requests."""

    remedy = "Wait until Microsoft Graph takes requests again; the service goes on by itself."


class GraphUnavailable(RetryLater):
    """Microsoft Graph gave no usable answer."""

    remedy = "Try again in some minutes; https://status.cloud.microsoft shows whether Microsoft has an outage."


class ServiceUnavailable(RetryLater):
    """The service cannot be reached, or cannot work at the moment."""

    remedy = (
        "Check that the service runs at the target (--target, ENTRAID_TARGET) and that TLS is set alike on both sides."
    )


class Overloaded(RetryLater):
    """The service has more calls than it can take."""

    remedy = "Send fewer calls at a time, or put many evaluations into one batch."


class DeadlinePassed(RetryLater):
    """No answer came in the time that the caller gave."""

    remedy = "Try again with more time (--timeout)."


class Reauthorize(EntraidError):
    """An administrator has to act in Microsoft Entra."""

    remedy = "Correct the app in Microsoft Entra and connect again under the same ID."


class ConsentPending(Reauthorize):
    """No administrator has consented so far."""

    remedy = "Have an administrator open the consent page that `connect` printed."


class ConsentDeclined(Reauthorize):
    """The administrator said no."""

    remedy = "Ask the tenant's administrator, then connect again."


class PermissionMissing(Reauthorize):
    """The app lacks permissions for Microsoft Graph: see `missing_permissions`."""

    remedy = "Grant the app these application permissions in Microsoft Entra, with admin consent, and connect again."

    @property
    def missing_permissions(self) -> tuple[str, ...]:
        """The permissions by Microsoft's names."""
        return tuple(self.problem.metadata.get("missing_permissions", "").replace(",", " ").split())


class CredentialsRejected(Reauthorize):
    """Entra did not take the credentials: see `aadsts`."""

    remedy = "Check tenant, client ID and secret in Microsoft Entra, and connect again with ones that hold."

    @property
    def aadsts(self) -> str:
        """Entra's error code; empty if it gave none."""
        return self.problem.metadata.get("aadsts", "")


class FixRequest(EntraidError):
    """The request itself is wrong."""

    remedy = "Correct the request; the same one fails again."


class InvalidField(FixRequest):
    """Fields of the request were refused: see `problem.violations`."""

    remedy = "Correct the named fields."


class InvalidPageToken(FixRequest):
    """A page token was damaged, or sent with other arguments than before."""

    remedy = "Begin the list again from its first page."


class InvalidFilter(FixRequest):
    """A filter expression could not be read."""

    remedy = 'Correct the filter; one that works: user_type = "Guest" AND account_enabled = true'


class ResourceNotFound(FixRequest):
    """There is no such resource."""

    remedy = "Check the name; `entraidctl status` lists the connections."


class ConnectionExists(FixRequest):
    """A connection of another tenant has that ID."""

    remedy = "Take another connection ID, or disconnect the tenant that has this one."


class Conflict(FixRequest):
    """Somebody else changed the resource in between."""

    remedy = "Read it again and repeat the change."


class ConsentNotOffered(FixRequest):
    """The service has no app of its own that an administrator could consent to."""

    remedy = "Connect with an app of the tenant (--client-id), or have the service set up for consent."


class CallerRefused(FixRequest):
    """This caller may not make the call."""

    remedy = "Call with a client certificate or an identity that the service accepts."


class Resync(EntraidError):
    """The data for an answer is not there."""

    remedy = "Run a sync, then ask again."


class SyncInProgress(Resync):
    """The connection is being synced already: see `sync_run`."""

    remedy = "Follow the run that is under way, or wait until it has ended."

    @property
    def sync_run(self) -> str:
        """The resource name of the run that is under way; empty if the server did not say."""
        return self.problem.metadata.get("sync_run", "")


class DirectoryNotSynced(Resync):
    """There is nothing to answer from before the first sync has finished."""

    remedy = "Run `entraidctl sync` and wait for its end."


class DirectoryStale(Resync):
    """The data is older than the request allows."""

    remedy = "Run `entraidctl sync`, or allow older data."


class RunSuperseded(Resync):
    """The run cannot take effect any more: newer data than it was compared with is in use."""

    remedy = "Run a sync; if it is held, approve that one."


class NotOffered(EntraidError):
    """This server does not have the call."""

    remedy = "Use a version of the service that has it; its changelog says which."


class ServerFault(EntraidError):
    """A bug, in the service or in what lies between."""
