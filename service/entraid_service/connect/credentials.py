"""How a credential becomes a sealed row and comes back."""

from entraid_service.errors import ConsentPending, SecretUnreadable
from entraid_service.model.connection import (
    Certificate,
    ClientSecret,
    Connection,
    Credential,
    FederatedIdentity,
    ServiceApp,
)
from entraid_service.ports import SealedCredential, SecretBox


def seal(credential: Credential, *, uid: str, box: SecretBox) -> SealedCredential:
    """The credential of the connection with this uid, as it is kept."""
    match credential:
        case ClientSecret(secret=secret):
            return SealedCredential(kind="client_secret", sealed=box.seal(secret, context=credential_context(uid)))
        case Certificate(pem=pem):
            return SealedCredential(kind="certificate", sealed=box.seal(pem, context=credential_context(uid)))
        case FederatedIdentity():
            return SealedCredential(kind="federated")
        case ServiceApp():
            return SealedCredential(kind="service_app")


def unseal(sealed: SealedCredential | None, *, connection: Connection, box: SecretBox) -> Credential:
    """The credential of a connection.

    Raises:
        ConsentPending: It has none yet.
        SecretUnreadable: It cannot be decrypted.
    """
    if sealed is None:
        raise ConsentPending(f"connection `{connection.id}` has no credential yet: an administrator has to consent")
    match sealed.kind:
        case "client_secret":
            return ClientSecret(box.open(sealed.sealed, context=credential_context(connection.uid)))
        case "certificate":
            return Certificate(box.open(sealed.sealed, context=credential_context(connection.uid)))
        case "federated":
            return FederatedIdentity()
        case "service_app":
            return ServiceApp()
        case kind:
            raise SecretUnreadable(
                f"connection `{connection.id}` has a credential of the unknown kind `{kind}`: connect it again"
            )


def credential_context(uid: str) -> str:
    """What the credential of the connection with this uid is bound to.

    A row copied to another connection, or to a later one of the same name, does not open.
    """
    return f"connection/{uid}/credential"
