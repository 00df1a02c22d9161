"""HTTP to the login side, as MSAL wants its client to be; the only sender of requests. Blocking: threads only.

One request: certificate check, redirects off, a deadline for the whole answer, a bound on its size, JSON or nothing.
What an answer means is not decided here.
"""

import http.client
import json
import time
from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path

import requests
import urllib3

from entraid_service.model.secret import Secret

_MAX_BODY = 1024 * 1024
"""Bytes of an answer; Entra's tokens and documents take some kilobytes."""

_MAX_DIGITS = 8
_CHUNK = 16 * 1024
_CONNECT_SECONDS = 10.0

LOGIN_FAILURES = (requests.RequestException,)
"""What `LoginHttp` raises when there is no proper answer."""


class LoginAnswer:
    """An answer in the shape that MSAL reads."""

    def __init__(self, status_code: int, text: str, *, headers: Mapping[str, str]) -> None:
        self.status_code = status_code
        self.text = text
        self.headers = headers

    def raise_for_status(self) -> None:
        """Raises `requests.HTTPError` for an error status."""
        if self.status_code >= HTTPStatus.BAD_REQUEST:
            raise requests.HTTPError(f"status {self.status_code}")

    @property
    def retry_after(self) -> timedelta | None:
        """How long to stay away, where the answer says so in seconds; the login side uses no other form."""
        text = self.headers.get("Retry-After", "").strip()
        return timedelta(seconds=int(text)) if text.isascii() and text.isdigit() and len(text) < _MAX_DIGITS else None

    def json(self) -> dict[str, object] | None:
        """The JSON object in it, None where there is something else."""
        try:
            value = json.loads(self.text)
        except ValueError:
            return None
        return value if isinstance(value, dict) else None


class BrokenAnswer(requests.RequestException):
    """The answer never ended, was too large, or is not what the login side sends."""


class RefusedDocument(requests.RequestException):
    """A document was asked for and something else came: `answer`."""

    def __init__(self, answer: LoginAnswer) -> None:
        super().__init__(f"status {answer.status_code}")
        self.answer = answer


class LoginHttp:
    """The `http_client` of one MSAL app: `get`, `post`, `close`. Used by one thread at a time.

    Environment variables are ignored, since REQUESTS_CA_BUNDLE would replace the configured CA bundle
    (https://requests.readthedocs.io/en/latest/user/advanced/#ssl-cert-verification).
    """

    def __init__(self, *, ca_bundle: Path | None, proxy: Secret | None, timeout: timedelta) -> None:
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = str(ca_bundle) if ca_bundle else True
        if proxy:
            self._session.proxies = {"https": proxy.reveal()}
        self._timeout = timeout.total_seconds()
        self.last: LoginAnswer | None = None
        """The latest answer; MSAL drops its headers, and of a failed discovery the body too."""

    def get(
        self, url: str, *, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> LoginAnswer:
        """Sends a GET, for a document.

        Raises:
            RefusedDocument: The status is not 200. MSAL would put the whole answer into its own error's text.
        """
        answer = self._send(requests.Request("GET", url, params=params, headers=headers))
        if answer.status_code != HTTPStatus.OK:
            raise RefusedDocument(answer)
        return answer

    def post(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> LoginAnswer:
        """Sends a POST. The form holds the credential, so that it goes nowhere but to an https URL."""
        if not url.lower().startswith("https://"):
            raise BrokenAnswer("the token endpoint is not an https URL")
        return self._send(requests.Request("POST", url, params=params, data=data, headers=headers))

    def close(self) -> None:
        """Closes the connections; the next request opens new ones."""
        self._session.close()

    def _send(self, request: requests.Request) -> LoginAnswer:
        deadline = time.monotonic() + self._timeout
        with closing(
            self._session.send(
                self._session.prepare_request(request),
                stream=True,
                allow_redirects=False,
                timeout=(min(_CONNECT_SECONDS, self._timeout), self._timeout),
                verify=self._session.verify,
                proxies=self._session.proxies,
            )
        ) as response:
            body = _read(response, deadline)
        answer = LoginAnswer(response.status_code, body.decode("utf-8-sig", "replace"), headers=response.headers)
        self.last = answer
        if answer.status_code == HTTPStatus.OK and answer.json() is None:
            # Before MSAL sees it: MSAL logs the text of a token answer that is no JSON, cut-off tokens included.
            raise BrokenAnswer("the answer is not JSON")
        return answer


def _read(response: requests.Response, deadline: float) -> bytes:
    body = bytearray()
    # `read1` returns what has come; reading a fixed amount would wait for ever on a peer that sends a byte at a time.
    while chunk := _next_chunk(response):
        body += chunk
        if len(body) > _MAX_BODY:
            raise BrokenAnswer(f"the answer is larger than {_MAX_BODY} bytes")
        if time.monotonic() > deadline:
            raise BrokenAnswer("the answer did not end in time")
    return bytes(body)


def _next_chunk(response: requests.Response) -> bytes:
    try:
        chunk: bytes = response.raw.read1(_CHUNK, decode_content=True)
    except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
        raise BrokenAnswer("the answer broke off") from error
    return chunk
