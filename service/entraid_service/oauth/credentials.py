"""How a credential becomes what MSAL proves an app with. Pure, but for a token file."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from entraid_service.errors import CredentialsRejected
from entraid_service.model.connection import Certificate, ClientSecret, Credential, FederatedIdentity
from entraid_service.model.secret import Secret

MsalCredential: TypeAlias = str | Mapping[str, str | Callable[[], str]]
"""One of the forms of `client_credential`, see
https://learn.microsoft.com/entra/msal/python/#confidentialclientapplication."""


def msal_credential(credential: Credential, *, federated_token_file: Path | None) -> MsalCredential:
    """The credential in MSAL's form.

    Raises:
        CredentialsRejected: It is malformed, or needs a file that is not configured.
    """
    match credential:
        case ClientSecret(secret=secret):
            return secret.reveal()
        case Certificate(pem=pem):
            return _certificate(pem)
        case FederatedIdentity():
            return _federated(federated_token_file)


def _certificate(pem: Secret) -> MsalCredential:
    text = pem.reveal()
    try:
        key = load_pem_private_key(text.encode(), password=None)
        certificate = x509.load_pem_x509_certificate(text.encode())
    except (ValueError, TypeError) as error:
        raise CredentialsRejected(
            "the certificate cannot be read: give one PEM text that holds the certificate and its private key, "
            "the key without a password"
        ) from error
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*form) != certificate.public_key().public_bytes(*form):
        raise CredentialsRejected(
            "the private key does not belong to the certificate: give the pair whose certificate is uploaded to the app"
        )
    return {"private_key": text, "public_certificate": certificate.public_bytes(Encoding.PEM).decode()}


def _federated(token_file: Path | None) -> MsalCredential:
    if token_file is None:
        raise CredentialsRejected(
            "this connection proves its app by a federated token, and no federated token file is configured: configure "
            "it, or connect again with a client secret or a certificate"
        )
    # Read for each token request: the platform replaces the file before the token in it ends.
    return {"client_assertion": lambda: token_file.read_text(encoding="utf-8").strip()}
