"""What Graph answers when it refuses: one function per refusal, in one body shape.

https://learn.microsoft.com/graph/errors: `code` is the contract, the message is not; clients must bear other members.
"""

import uuid
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus

from entraid_emulator.objects import Json


class GraphError(Exception):
    """A refusal of the Graph side."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: HTTPStatus = HTTPStatus.BAD_REQUEST,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.headers = headers or {}


def error_body(code: str, message: str, *, at: datetime, request_id: str, client_request_id: str) -> Mapping[str, Json]:
    """The JSON body of a refusal."""
    inner = {"date": f"{at:%Y-%m-%dT%H:%M:%S}", "request-id": request_id, "client-request-id": client_request_id}
    return {"error": {"code": code, "message": message, "innerError": inner}}


def bad_request(message: str) -> GraphError:
    """The request makes no sense to the directory."""
    return GraphError("Request_BadRequest", message)


def malformed_query(message: str) -> GraphError:
    """The request does not pass the gateway's OData parsing."""
    return GraphError("BadRequest", message)


def unsupported_query(message: str) -> GraphError:
    """The request is well-formed and not supported by the directory."""
    return GraphError("Request_UnsupportedQuery", message)


def not_found(what: str) -> GraphError:
    """An id, a name or a navigation property leads nowhere."""
    return GraphError(
        "Request_ResourceNotFound",
        f"Resource '{what}' does not exist or one of its queried reference-property objects are not present.",
        status=HTTPStatus.NOT_FOUND,
    )


def denied() -> GraphError:
    """The token lacks the permission."""
    return GraphError(
        "Authorization_RequestDenied",
        "Insufficient privileges to complete the operation.",
        status=HTTPStatus.FORBIDDEN,
    )


def unknown_identity() -> GraphError:
    """The token's tenant or app is not there any more."""
    return GraphError(
        "Authorization_IdentityNotFound",
        "The identity of the calling application could not be established.",
        status=HTTPStatus.UNAUTHORIZED,
    )


def bad_token(message: str) -> GraphError:
    """The bearer token is missing or no good."""
    challenge = (
        'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize",'
        ' client_id="00000003-0000-0000-c000-000000000000"'
    )
    return GraphError(
        "InvalidAuthenticationToken",
        message,
        status=HTTPStatus.UNAUTHORIZED,
        headers={"WWW-Authenticate": challenge},
    )


def outside_store() -> GraphError:
    """A property that Graph keeps outside the directory was selected over a collection."""
    return GraphError(
        "NotImplemented", "This operation target is not yet supported.", status=HTTPStatus.NOT_IMPLEMENTED
    )


def not_emulated(what: str) -> GraphError:
    """Graph can do this and the emulator cannot: an honest refusal instead of a wrong answer."""
    return GraphError(
        "NotImplemented", f"The entraid emulator does not serve {what}.", status=HTTPStatus.NOT_IMPLEMENTED
    )


def expired_page_token() -> GraphError:
    """The skip token was good once."""
    return GraphError(
        "Directory_ExpiredPageToken",
        "The specified page token value has expired and can no longer be included in your request.",
    )


def gone(location: str) -> GraphError:
    """A delta token is too old; `Location` is where to begin again.

    https://learn.microsoft.com/graph/delta-query-overview#synchronization-reset; the body is not documented.
    """
    return GraphError("resyncRequired", "Resync is required.", status=HTTPStatus.GONE, headers={"Location": location})


def sync_state_not_found() -> GraphError:
    """A delta token is too old, as the identity platform's announcement of 2020-07-03 words it."""
    return GraphError(
        "syncStateNotFound",
        "The sync state generation is not found. The delta token is expired and data must be synchronized again.",
    )


def old_delta_link() -> GraphError:
    """A delta token is too old, as `/users/delta` is seen to answer; the figure is not the documented one."""
    return unsupported_query("DeltaLink older than 30 days is not supported.")


def method_not_allowed() -> GraphError:
    """The URL is right, the method is not."""
    return GraphError(
        "Request_BadRequest",
        "Specified HTTP method is not allowed for the request target.",
        status=HTTPStatus.METHOD_NOT_ALLOWED,
    )


def throttled(headers: Mapping[str, str]) -> GraphError:
    """Too many resource units: https://learn.microsoft.com/graph/throttling#sample-response."""
    return GraphError(
        "TooManyRequests",
        "Please retry again later.",
        status=HTTPStatus.TOO_MANY_REQUESTS,
        headers=headers,
    )


def result_too_large() -> GraphError:
    """More groups than a membership action may return."""
    return GraphError(
        "Directory_ResultSizeLimitExceeded", "The result set is larger than what the directory can return."
    )


USUAL = {
    HTTPStatus.BAD_REQUEST: ("Request_BadRequest", "Bad request."),
    HTTPStatus.UNAUTHORIZED: ("InvalidAuthenticationToken", "Access token validation failure."),
    HTTPStatus.FORBIDDEN: ("Authorization_RequestDenied", "Insufficient privileges to complete the operation."),
    HTTPStatus.NOT_FOUND: ("Request_ResourceNotFound", "Resource not found."),
    HTTPStatus.GONE: ("resyncRequired", "Resync required."),
    HTTPStatus.TOO_MANY_REQUESTS: ("TooManyRequests", "Please retry again later."),
    HTTPStatus.INTERNAL_SERVER_ERROR: ("InternalServerError", "An unexpected error occurred."),
    HTTPStatus.BAD_GATEWAY: ("UnknownError", ""),
    HTTPStatus.SERVICE_UNAVAILABLE: ("ServiceNotAvailable", "The service is temporarily unavailable."),
    HTTPStatus.GATEWAY_TIMEOUT: ("GatewayTimeout", "The request timed out."),
}
"""Code and message that a scripted fault without a body answers with, by status."""


def usual_body(status: int, *, at: datetime) -> Mapping[str, Json]:
    """The body of a refusal that nobody gave a body."""
    known = HTTPStatus(status) if status in {one.value for one in HTTPStatus} else HTTPStatus.INTERNAL_SERVER_ERROR
    code, message = USUAL.get(known, ("UnknownError", ""))
    own = str(uuid.uuid4())
    return error_body(code, message, at=at, request_id=own, client_request_id=own)
