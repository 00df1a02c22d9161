"""What the login tests share: a product's multi-tenant app, two tenants, a browser and real MSAL clients."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msal

from emulator.browser import Browser
from emulator.wire import Document, Wire
from entraid_emulator import (
    CONTOSO_TENANT_ID,
    AppRegistration,
    Behaviour,
    Emulator,
    contoso,
    generated,
    multi_tenant_app,
)

REDIRECT = "https://product.example/callback"
ADA = "ada.celik@contoso.example"
DAAN = "daan.devries@contoso.example"
MARCO = "marco.dangelo@contoso.example"
OLIVER = "oliver.smith@contoso.example"
OTHER = generated(users=12, groups=2, seed=3)
OTHER_ADMINISTRATOR = str(next(user for _, user in OTHER.directory.users.scan())["userPrincipalName"])
GRAPH = "https://graph.microsoft.com/.default"


def emulator(*apps: AppRegistration, behaviour: Behaviour | None = None) -> Emulator:
    """Contoso and another tenant, with these apps or the product's."""
    other = generated(users=12, groups=2, seed=3)
    return Emulator([contoso(), other], apps=apps or [multi_tenant_app(REDIRECT)], behaviour=behaviour)


@dataclass(frozen=True, slots=True)
class Connecting:
    """Somebody who connects."""

    wire: Wire

    @property
    def app(self) -> AppRegistration:
        """The product's app."""
        return self.wire.emulator.app

    @property
    def browser(self) -> Browser:
        """His browser."""
        return Browser(self.wire.session)

    def msal(self, tenant: str = CONTOSO_TENANT_ID, *, credential: object = None) -> Any:  # noqa: ANN401 - MSAL has no types
        """A real confidential client, by default with the app's secret."""
        return msal.ConfidentialClientApplication(
            self.app.client_id,
            client_credential=credential or self.app.client_secret.reveal(),
            authority=f"{self.wire.emulator.authority_url}/{tenant}",
            instance_discovery=False,
            http_client=self.wire.session,
        )

    def app_token(self, tenant: str = CONTOSO_TENANT_ID, *, credential: object = None) -> Document:
        """What MSAL gets for the app alone; a new client each time, for MSAL remembers failures."""
        answer: Document = self.msal(tenant, credential=credential).acquire_token_for_client([GRAPH])
        return answer

    def authorize_url(self, tenant: str = "organizations", /, **changes: str | None) -> str:
        """A sign-in request; None leaves a parameter out."""
        parameters = {
            "client_id": self.app.client_id,
            "response_type": "code",
            "redirect_uri": REDIRECT,
            "scope": "openid profile",
            "state": "s-1",
            "nonce": "n-1",
            **changes,
        }
        return self._url(f"{tenant}/oauth2/v2.0/authorize", parameters)

    def consent_url(self, tenant: str = "organizations", version: int = 2, /, **changes: str | None) -> str:
        """An admin consent request."""
        scope = {"scope": GRAPH} if version == 2 else {}
        parameters = {
            "client_id": self.app.client_id,
            "redirect_uri": REDIRECT,
            "state": "s-1",
            **scope,
            **changes,
        }
        return self._url(f"{tenant}/v2.0/adminconsent" if version == 2 else f"{tenant}/adminconsent", parameters)

    def _url(self, path: str, parameters: dict[str, str | None]) -> str:
        given = {name: value for name, value in parameters.items() if value is not None}
        return f"{self.wire.emulator.authority_url}/{path}?{urlencode(given)}"

    def redeem(self, code: str, tenant: str = "organizations", /, **changes: str | None) -> Document:
        """Redeem an authorization code without MSAL."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT,
            "scope": "openid profile",
            "client_secret": self.app.client_secret.reveal() if self.app.secrets else None,
            **changes,
        }
        body: Document = self.wire.token_answer(tenant, **form).json()
        return body
