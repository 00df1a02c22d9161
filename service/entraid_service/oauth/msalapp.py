"""MSAL, typed; the only importer of msal. Nothing is decided here, and everything blocks: threads only."""

from collections.abc import Mapping
from typing import Protocol

import msal
from msal.exceptions import MsalServiceError

from entraid_service.oauth.credentials import MsalCredential
from entraid_service.oauth.discovery import DiscoveringHttp
from entraid_service.oauth.wire import LOGIN_FAILURES, LoginHttp

MSAL_FAILURES = (
    *LOGIN_FAILURES,
    MsalServiceError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    RuntimeError,
    OSError,
)
"""What MSAL raises when an answer is an error, no JSON or incomplete, or when a credential's file is unreadable."""

HTTP_EXCEPTIONS: tuple[type[Exception], ...] = (*LOGIN_FAILURES, MsalServiceError)
"""For `acquire_token_for_client`: without these a 503 during an early refresh fails although the token in the cache is
still good."""

SYSTEM_ASSIGNED = "system"
"""The managed identity that the host has by itself; any other one is told by its client ID."""


class MsalApp(Protocol):
    """What is used of MSAL's ConfidentialClientApplication."""

    def acquire_token_for_client(
        self, scopes: list[str], *, claims_challenge: str | None, http_exceptions: tuple[type[Exception], ...]
    ) -> Mapping[str, object] | None:
        """A token answer or an error answer."""

    def remove_tokens_for_client(self) -> None:
        """Empties the cache."""

    def initiate_auth_code_flow(
        self, scopes: list[str], *, redirect_uri: str, state: str, prompt: str
    ) -> Mapping[str, object]:
        """What a sign-in begins with: `auth_uri`, and what its end needs."""

    def acquire_token_by_auth_code_flow(
        self, auth_code_flow: Mapping[str, object], auth_response: Mapping[str, str]
    ) -> Mapping[str, object]:
        """A token answer or an error answer."""


class MsalIdentity(Protocol):
    """What is used of MSAL's ManagedIdentityClient."""

    def acquire_token_for_client(self, *, resource: str, claims_challenge: str | None) -> Mapping[str, object] | None:
        """A token answer or an error answer."""


def build_app(client_id: str, credential: MsalCredential, *, authority: str, http: LoginHttp) -> MsalApp:
    """An app with a token cache of its own. Asks for the tenant's OpenID configuration.

    Raises:
        Exception: one of `MSAL_FAILURES`.
    """
    app: MsalApp = msal.ConfidentialClientApplication(
        client_id,
        client_credential=credential,
        authority=authority,
        http_client=DiscoveringHttp(http),
        instance_discovery=False,
        azure_region=False,  # MSAL_FORCE_REGION would change the host
        client_capabilities=["CP1"],
        exclude_scopes=["offline_access"],  # nobody's sign-in is kept
    )
    return app


def build_identity(name: str, *, http: LoginHttp) -> MsalIdentity:
    """The managed identity of this host: `SYSTEM_ASSIGNED`, or the one with this client ID. Does no I/O.

    https://learn.microsoft.com/entra/msal/python/advanced/managed-identity
    """
    chosen = (
        msal.SystemAssignedManagedIdentity()
        if name == SYSTEM_ASSIGNED
        else msal.UserAssignedManagedIdentity(client_id=name)
    )
    identity: MsalIdentity = msal.ManagedIdentityClient(chosen, http_client=http)
    return identity
