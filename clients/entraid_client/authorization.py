"""What authorizes a connection, as values that do not show their secrets.

The generated messages print every field: Python's text format does not look at `debug_redact`. So they are made at the
last moment, in `connections.py`, and never kept.
"""

from __future__ import annotations

from dataclasses import dataclass


class Secret:
    """A text that appears in no log: its `repr` and `str` are `***`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        if not text:
            raise ValueError("a secret cannot be empty")
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one place that sends it."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    def __reduce__(self) -> str:
        """Refuses to be pickled: a pickle would be a copy in clear."""
        raise TypeError("a secret cannot be pickled")


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """An app of the tenant, proved by one of its secrets."""

    client_id: str
    secret: Secret


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """An app of the tenant, proved by a certificate; `pem` holds certificate and private key."""

    client_id: str
    pem: Secret


@dataclass(frozen=True, slots=True, repr=False)
class ClientPfx:
    """An app of the tenant, proved by a certificate in a PFX (PKCS #12) file; `content` is the whole file."""

    client_id: str
    content: bytes
    password: Secret | None = None

    def __repr__(self) -> str:
        return f"ClientPfx(client_id={self.client_id!r}, content=***, password=***)"


@dataclass(frozen=True, slots=True)
class ServiceWorkload:
    """An app of the tenant that trusts the identity of the workload the service runs as."""

    client_id: str


@dataclass(frozen=True, slots=True)
class ConsentByAdministrator:
    """The service's own app, to which an administrator of the tenant consents."""

    redirect_uri: str = ""
    """Where the browser goes afterwards; empty for the service's own page."""


Authorization = ClientSecret | ClientCertificate | ClientPfx | ServiceWorkload | ConsentByAdministrator
