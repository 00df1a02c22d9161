"""A plain HTTPS client of the emulator for tests: sends what it is told, adds nothing but the token."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import requests

from entraid_emulator import CONTOSO_TENANT_ID, Emulator

GRAPH_SCOPE = "https://graph.microsoft.com/.default"
EVENTUAL = {"ConsistencyLevel": "eventual"}
TIMEOUT = 20.0

Document = dict[str, Any]
"""A decoded JSON object: its shape is what the tests are about."""


@dataclass(frozen=True, slots=True)
class Wire:
    """One caller of one emulator."""

    emulator: Emulator
    session: requests.Session

    def token_answer(self, tenant: str = CONTOSO_TENANT_ID, **changes: str | None) -> requests.Response:
        """Ask for an app token; `changes` replace form fields, None leaves one out."""
        form: dict[str, str | None] = {
            "grant_type": "client_credentials",
            "client_id": self.emulator.app.client_id,
            "client_secret": self.emulator.app.client_secret.reveal(),
            "scope": GRAPH_SCOPE,
            **changes,
        }
        return self.session.post(
            f"{self.emulator.authority_url}/{tenant}/oauth2/v2.0/token",
            data={name: value for name, value in form.items() if value is not None},
            timeout=TIMEOUT,
        )

    def token(self, tenant: str = CONTOSO_TENANT_ID) -> str:
        """An access token."""
        token: str = self.token_answer(tenant).json()["access_token"]
        return token

    def get(
        self, path: str, headers: Mapping[str, str] | None = None, *, token: str | None = None
    ) -> requests.Response:
        """GET a path below `/v1.0`, or a whole link, with a good token unless another is given."""
        url = path if path.startswith("https:") else self.emulator.graph_url + path
        bearer = {"Authorization": f"Bearer {self.token() if token is None else token}"}
        return self.session.get(url, headers={**bearer, **(headers or {})}, timeout=TIMEOUT)

    def body(self, path: str, headers: Mapping[str, str] | None = None, *, token: str | None = None) -> Document:
        """The body of a GET that must succeed."""
        response = self.get(path, headers, token=token)
        assert response.status_code == requests.codes.ok, response.text
        body: Document = response.json()
        return body

    def error(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, str, str]:
        """Status, code and message of a GET that must fail."""
        response = self.get(path, headers)
        error = response.json()["error"]
        return response.status_code, error["code"], error["message"]

    def pages(self, path: str, headers: Mapping[str, str] | None = None) -> Iterator[Document]:
        """Every page of a list, following its links verbatim."""
        token = self.token()
        link: str | None = path
        while link is not None:
            page = self.body(link, headers, token=token)
            yield page
            link = page.get("@odata.nextLink")

    def whole(self, path: str, headers: Mapping[str, str] | None = None) -> list[Document]:
        """Every object of a list."""
        return [thing for page in self.pages(path, headers) for thing in page["value"]]
