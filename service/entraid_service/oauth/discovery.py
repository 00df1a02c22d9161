"""The OpenID configuration of a tenant, made whole for MSAL.

MSAL wants a page for people to sign in at even where only apps get tokens, and a document in any case. A login side
that has less is asked at the addresses that Entra's documents give
(https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from entraid_service.oauth.wire import LoginAnswer, LoginHttp, RefusedDocument

_DOCUMENT = "/v2.0/.well-known/openid-configuration"


def is_absent(answer: LoginAnswer) -> bool:
    """Whether an answer says that there is no such document: not one of Entra's errors, and no page of a proxy."""
    is_page = "html" in answer.headers.get("Content-Type", "").lower()
    return answer.status_code == HTTPStatus.NOT_FOUND and not is_page and "error" not in (answer.json() or {})


def whole(document: Mapping[str, object] | None, *, authority: str) -> dict[str, object]:
    """The document with what MSAL cannot do without; None for one that is absent."""
    standard: dict[str, object] = {"token_endpoint": f"{authority}/oauth2/v2.0/token"}
    found = standard if document is None else dict(document)
    if isinstance(found.get("token_endpoint"), str):
        found.setdefault("authorization_endpoint", f"{authority}/oauth2/v2.0/authorize")
    return found


@dataclass(frozen=True, slots=True)
class DiscoveringHttp:
    """The `http_client` of an MSAL app whose OpenID configuration comes whole."""

    http: LoginHttp

    def get(
        self, url: str, *, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> LoginAnswer:
        """See `LoginHttp.get`."""
        try:
            answer = self.http.get(url, params=params, headers=headers)
            document = answer.json()
        except RefusedDocument as error:
            if not url.endswith(_DOCUMENT) or not is_absent(error.answer):
                raise
            answer, document = error.answer, None
        if not url.endswith(_DOCUMENT):
            return answer
        text = json.dumps(whole(document, authority=url.removesuffix(_DOCUMENT)))
        return LoginAnswer(HTTPStatus.OK, text, headers=answer.headers)

    def post(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> LoginAnswer:
        """See `LoginHttp.post`."""
        return self.http.post(url, params=params, data=data, headers=headers)

    def close(self) -> None:
        """See `LoginHttp.close`."""
        self.http.close()
