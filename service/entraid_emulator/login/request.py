"""A request to the login side as plain values: decoded, not yet judged. Knows no HTTP server."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote_plus


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginRequest:
    """What came.

    Attributes:
        origin: scheme, host and port that the caller used.
        tenant: the URL's tenant segment as sent.
        method: HTTP method.
        query: query options.
        form: fields of the body; it holds secrets, so `repr` leaves it out.
        authorization: the Authorization header, empty if there is none.
    """

    origin: str
    tenant: str
    method: str
    query: Mapping[str, str]
    form: Mapping[str, str]
    authorization: str

    def __repr__(self) -> str:
        return f"LoginRequest({self.method} {self.tenant})"

    def client(self) -> tuple[str, str]:
        """Client id and secret, from the Basic header or the body; empty where not given.

        RFC 6749, section 2.3.1: in the header both are form-encoded before they are joined.
        """
        scheme, _, credentials = self.authorization.partition(" ")
        if scheme.lower() == "basic":
            try:
                decoded = base64.b64decode(credentials, validate=True).decode()
            except (binascii.Error, UnicodeDecodeError):
                return "", ""
            client_id, _, secret = decoded.partition(":")
            return unquote_plus(client_id), unquote_plus(secret)
        return self.form.get("client_id", ""), self.form.get("client_secret", "")
