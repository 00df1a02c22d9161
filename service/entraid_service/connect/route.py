"""Where a browser goes during a consent, and by what it is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from entraid_service.errors import EntraidError
from entraid_service.model.consent import Consent

CALLBACK = "/connect/callback"
"""Where Entra sends browsers back to, behind the public URL: the one redirect URI of the service's own app."""


@dataclass(frozen=True, slots=True)
class ConsentLink:
    """What to open, and until when."""

    uri: str
    expire_time: datetime


@dataclass(frozen=True, slots=True)
class ConsentSite:
    """Where browsers find the service (no slash at the end), and which pages of callers they may end on."""

    public_url: str
    redirect_uris: Sequence[str] = ()

    @property
    def callback(self) -> str:
        """The redirect URI that is registered with Entra."""
        return self.public_url + CALLBACK


@dataclass(frozen=True, slots=True)
class Forward:
    """The browser goes on to this page of Entra."""

    url: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The connection is active; the browser may look at what follows."""

    consent_id: str


@dataclass(frozen=True, slots=True)
class Failed:
    """It went wrong; the same browser may try again with the link, while that is good."""

    error: EntraidError
    link: str


def cookie_name(consent: Consent) -> str:
    """Each consent has a cookie of its own, so that two in two tabs do not disturb each other."""
    return f"entraid-consent-{consent.id}"
