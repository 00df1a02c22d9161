"""How a credential becomes what MSAL proves an app with. Pure, but for a token file."""

from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from entraid_service.errors import ConsentNotOffered, CredentialsRejected
from entraid_service.model.connection import (
    Certificate,
    ClientSecret,
    Credential,
    FederatedIdentity,
    PfxFile,
    ServiceApp,
)
from entraid_service.model.secret import Secret
from entraid_service.oauth.certificates import read_pair, read_pfx

MsalCredential: TypeAlias = str | Mapping[str, str | Callable[[], str]]
"""One of the forms of `client_credential`, see
https://learn.microsoft.com/entra/msal/python/#confidentialclientapplication."""


@dataclass(frozen=True, slots=True)
class OwnApp:
    """The service's own multi-tenant app, which administrators consent to. Its credential is no `ServiceApp`."""

    client_id: str
    credential: Credential


@dataclass(frozen=True, slots=True)
class Workload:
    """What proves apps without a secret: a file with a federated token, or a managed identity's assertion."""

    token_file: Path | None = None
    managed_identity: str = ""
    """`system`, or a client ID."""


def resolved(credential: Credential, *, client_id: str, own_app: OwnApp | None) -> Credential:
    """The credential itself, where a connection only points to the service's own app.

    Raises:
        ConsentNotOffered: The service has no app of its own (any more).
        CredentialsRejected: It has another one by now.
    """
    if not isinstance(credential, ServiceApp):
        return credential
    if own_app is None:
        raise ConsentNotOffered(
            "this connection uses the service's own app, and the settings name none: set `ENTRAID_CLIENT_ID` and its "
            "credential again, or connect with an app of the tenant"
        )
    if own_app.client_id.lower() != client_id.lower():
        raise CredentialsRejected(
            f"an administrator consented to app `{client_id}`, and the service's own app is `{own_app.client_id}` by "
            "now: connect again by admin consent"
        )
    return own_app.credential


def opened(credential: Credential | PfxFile) -> Credential:
    """The credential in the form in which it is proved and kept, a certificate checked in every way. Takes its time.

    Raises:
        CredentialsRejected: A PFX cannot be opened, or a certificate is not usable.
    """
    match credential:
        case PfxFile(content=content, password=password):
            return read_pfx(b64decode(content.reveal()), password=password)
        case Certificate(pem=pem):
            read_pair(pem, is_new=True)
    return credential


def msal_credential(
    credential: Credential, *, workload: Workload, assertion: Callable[[], str] | None
) -> MsalCredential:
    """The credential in MSAL's form.

    Args:
        credential: Any but a `ServiceApp`, see `resolved`.
        workload: What the service's settings give for `FederatedIdentity`.
        assertion: Makes one by the managed identity; None where there is none.

    Raises:
        CredentialsRejected: It is malformed, or needs a setting that is not there.
    """
    match credential:
        case ClientSecret(secret=secret):
            return secret.reveal()
        case Certificate(pem=pem):
            pair = read_pair(pem)
            return {"private_key": pair.private_key.reveal(), "public_certificate": pair.certificate}
        case FederatedIdentity():
            return _federated(workload, assertion)
        case ServiceApp():
            raise CredentialsRejected("the service's own app cannot be proved by itself: set one of its credentials")


def expire_time(credential: Credential) -> datetime | None:
    """When a credential ends, where it tells; Entra tells it of secrets only to those who may read the app."""
    return read_pair(credential.pem).expire_time if isinstance(credential, Certificate) else None


def secret_of(credential: Credential) -> Secret:
    """What Entra might repeat in an error, and must not be shown."""
    return credential.secret if isinstance(credential, ClientSecret) else Secret("")


def thumbprint_of(credential: Credential) -> str:
    """How Entra's pages name the certificate, empty where there is none."""
    return read_pair(credential.pem).thumbprint if isinstance(credential, Certificate) else ""


def _federated(workload: Workload, assertion: Callable[[], str] | None) -> MsalCredential:
    token_file = workload.token_file
    if token_file is not None:
        # Read for each token request: the platform replaces the file before the token in it ends.
        return {"client_assertion": lambda: token_file.read_text(encoding="utf-8").strip()}
    if assertion is not None:
        return {"client_assertion": assertion}
    raise CredentialsRejected(
        "this connection proves its app by the identity of the service's workload, and none is configured: set "
        "`ENTRAID_FEDERATED_TOKEN_FILE` or `ENTRAID_MANAGED_IDENTITY`, or connect with a client secret or a certificate"
    )
