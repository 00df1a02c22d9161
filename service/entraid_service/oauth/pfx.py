"""PFX (PKCS #12) files: told apart from other files, opened, and what is wrong with one in plain words. Pure.

The library says the same of a wrong password and of a broken file. The file's outermost bytes tell which it is.
https://www.rfc-editor.org/rfc/rfc7292#section-4
"""

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import pkcs12

from entraid_service.errors import CredentialsRejected
from entraid_service.model.secret import Secret

_SEQUENCE = 0x30
_LONG_LENGTH = 0x80
_VERSION_3 = b"\x02\x01\x03"
"""The file is a SEQUENCE that begins with this INTEGER."""


def is_pfx(content: bytes) -> bool:
    """Whether it is DER at all; PEM begins with text."""
    return content[:1] == bytes([_SEQUENCE])


def pair_of_pfx(content: bytes, *, password: Secret) -> tuple[PrivateKeyTypes, list[x509.Certificate]]:
    """The private key of a PFX, and its certificates, that of the key first.

    Raises:
        CredentialsRejected: It cannot be opened, or lacks one of them.
    """
    _check_form(content)
    try:
        found = pkcs12.load_pkcs12(content, password.reveal().encode() or None)
    except (ValueError, TypeError) as error:
        raise CredentialsRejected(_unopened_text(password)) from error
    certificates = [one.certificate for one in (found.cert, *found.additional_certs) if one is not None]
    if found.key is None:
        raise CredentialsRejected(
            "the PFX holds no private key: export it again together with the key, or give the PEM that has it"
        )
    if not certificates:
        raise CredentialsRejected("the PFX holds a private key and no certificate: export it again with both")
    return found.key, certificates


def _check_form(content: bytes) -> None:
    if content.lstrip().startswith(b"-----BEGIN"):
        raise CredentialsRejected("this is a PEM and no PFX: give it as the PEM certificate")
    body, length = _body(content)
    if not is_pfx(content) or not body.startswith(_VERSION_3):
        raise CredentialsRejected(
            "this is no PFX (PKCS #12) file: give the `.pfx` or `.p12` file as it was exported, byte by byte"
        )
    if length is not None and len(body) != length:
        raise CredentialsRejected("the PFX is cut off or was changed on the way: give it as it was exported")


def _body(content: bytes) -> tuple[bytes, int | None]:
    """What is in the outer SEQUENCE, and how long it says to be; None for the form that is ended by a mark."""
    if len(content) < len(_VERSION_3) + 1:
        return b"", None
    length = content[1]
    if length < _LONG_LENGTH:
        return content[2:], length
    size = length - _LONG_LENGTH
    return content[2 + size :], int.from_bytes(content[2 : 2 + size], "big") if size else None


def _unopened_text(password: Secret) -> str:
    if not password:
        return "the PFX cannot be opened without a password: give the one that it was exported with"
    return "the password does not open the PFX: give the one that it was exported with"
