"""What Entra answers when it refuses: one function per AADSTS code, in one body shape.

Codes and meanings: https://learn.microsoft.com/entra/identity-platform/reference-error-codes. Where the OAuth word or
the HTTP status of a code is not published, what has been observed is used.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from entraid_emulator.objects import Json


class LoginError(Exception):
    """A refusal of the login side."""

    def __init__(self, code: int, error: str, text: str, *, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(f"AADSTS{code}: {text}")
        self.code = code
        self.error = error
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What ties an answer to Entra's logs.

    Attributes:
        trace_id: of this answer, also its `x-ms-request-id`.
        correlation_id: the caller's `client-request-id`, or a new id.
        at: when it was answered.
        origin: the login side's own scheme and host.
    """

    trace_id: str
    correlation_id: str
    at: datetime
    origin: str


def error_body(refusal: LoginError, trace: Trace) -> Mapping[str, Json]:
    """The JSON body of a refusal; the texts are separated by spaces, as since 2023."""
    timestamp = f"{trace.at:%Y-%m-%d %H:%M:%S}Z"
    ids = f"Trace ID: {trace.trace_id} Correlation ID: {trace.correlation_id} Timestamp: {timestamp}"
    return {
        "error": refusal.error,
        "error_description": f"{refusal} {ids}",
        "error_codes": [refusal.code],
        "timestamp": timestamp,
        "trace_id": trace.trace_id,
        "correlation_id": trace.correlation_id,
        "error_uri": f"{trace.origin}/error?code={refusal.code}",
    }


def unknown_tenant(name: str, *, error: str = "invalid_request") -> LoginError:
    """No tenant has that id or domain; the discovery document says `invalid_tenant` instead."""
    return LoginError(
        90002,
        error,
        f"Tenant '{name}' not found. Check to make sure you have the correct tenant ID and are signing into the correct"
        " cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for"
        " the"
        " tenant.",
    )


def malformed_tenant(name: str, *, error: str = "invalid_request") -> LoginError:
    """The tenant segment is neither a GUID nor a domain."""
    return LoginError(
        900023, error, f"Specified tenant identifier '{name}' is neither a valid DNS name, nor a valid external domain."
    )


def no_tenant_named() -> LoginError:
    """An app without a user asked at `common` or `organizations`."""
    return LoginError(
        50059,
        "invalid_request",
        "No tenant-identifying information found in either the request or implied by any provided credentials.",
    )


def unknown_instance() -> LoginError:
    """Instance discovery was asked about a host that is no login host."""
    return LoginError(50049, "invalid_instance", "Unknown or invalid instance.")


def missing_parameter(name: str) -> LoginError:
    """A required form field is not there."""
    return LoginError(900144, "invalid_request", f"The request body must contain the following parameter: '{name}'.")


def only_post(method: str) -> LoginError:
    """The token endpoint was called with another method."""
    return LoginError(
        900561, "invalid_request", f"The endpoint only accepts POST requests. Received a {method} request."
    )


def unsupported_grant(grant_type: str) -> LoginError:
    """A grant type that this endpoint does not serve."""
    return LoginError(70003, "unsupported_grant_type", f"The app requested an unsupported grant type '{grant_type}'.")


def unknown_app(client_id: str, tenant: str) -> LoginError:
    """The tenant has no service principal for the app."""
    return LoginError(
        700016,
        "unauthorized_client",
        f"Application with identifier '{client_id}' was not found in the directory '{tenant}'. This can happen if the"
        " application has not been installed by the administrator of the tenant or consented to by any user in the"
        " tenant."
        " You may have sent your authentication request to the wrong tenant.",
    )


def disabled_app(client_id: str, name: str) -> LoginError:
    """An administrator switched the app off."""
    return LoginError(7000112, "unauthorized_client", f"Application '{client_id}'({name}) is disabled.")


def missing_credential() -> LoginError:
    """Neither secret nor assertion."""
    return LoginError(
        7000218,
        "invalid_client",
        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
        status=HTTPStatus.UNAUTHORIZED,
    )


def wrong_secret(client_id: str) -> LoginError:
    """No secret of the app is the one offered."""
    return LoginError(
        7000215,
        "invalid_client",
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not"
        " the"
        f" client secret ID, for a secret added to app '{client_id}'.",
        status=HTTPStatus.UNAUTHORIZED,
    )


def expired_secret(client_id: str) -> LoginError:
    """The secret was right once."""
    return LoginError(
        7000222,
        "invalid_client",
        f"The provided client secret keys for app '{client_id}' are expired. Visit the Azure portal to create new"
        " keys for"
        " your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security:"
        " https://aka.ms/certCreds.",
        status=HTTPStatus.UNAUTHORIZED,
    )


def unregistered_certificate(client_id: str) -> LoginError:
    """A client assertion came, and the app has no certificate to check it with."""
    return LoginError(
        700027,
        "invalid_client",
        "The certificate with identifier used to sign the client assertion is not registered on application."
        f" [Reason - The key was not found., Application '{client_id}' has no certificates].",
        status=HTTPStatus.UNAUTHORIZED,
    )


def bad_scope(scope: str) -> LoginError:
    """The scope is not one resource's `/.default`."""
    return LoginError(
        70011,
        "invalid_scope",
        "The provided request must include a 'scope' input parameter. The provided value for the input parameter"
        " 'scope'"
        f" is not valid. The scope {scope} is not valid.",
    )


def unknown_resource(resource: str, tenant: str) -> LoginError:
    """The tenant has no service principal for the resource."""
    return LoginError(
        500011,
        "invalid_resource",
        f"The resource principal named {resource} was not found in the tenant named {tenant}. This can happen if the"
        " application has not been installed by the administrator of the tenant or consented to by any user in the"
        " tenant."
        " You might have sent your authentication request to the wrong tenant.",
    )
