"""One GET to Graph over aiohttp: bearer token, deadlines, a bound on the size, no redirects, no cookies.

Whatever stops it from being answered completely becomes `NoAnswer`. What an answer means, and whether to ask again, is
not decided here.
"""

import ssl
import uuid
from importlib.metadata import version
from pathlib import Path
from typing import TypeAlias

import aiohttp
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from yarl import URL

from entraid_service.graph.answer import Answer, NoAnswer
from entraid_service.graph.limits import Limits
from entraid_service.model.secret import Secret

GraphSession: TypeAlias = aiohttp.ClientSession

_CHUNK = 256 * 1024


def open_session(*, ca_bundle: Path | None, limits: Limits) -> GraphSession:
    """A session without cookies, so that nothing is carried from tenant to tenant, and without the environment's proxy.

    Without a CA bundle it trusts what the login side trusts (`oauth.wire`): the authorities that requests brings along.
    """
    context = ssl.create_default_context(cafile=str(ca_bundle) if ca_bundle else DEFAULT_CA_BUNDLE_PATH)
    timeout = aiohttp.ClientTimeout(
        total=limits.answer.total_seconds(),
        sock_connect=limits.connect.total_seconds(),
        sock_read=limits.silence.total_seconds(),
    )
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=context, limit=0),
        timeout=timeout,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        headers={"User-Agent": f"entraid/{version('entraid')}", "Accept": "application/json"},
    )


class GraphHttp:
    """Sends GETs."""

    def __init__(self, session: aiohttp.ClientSession, *, proxy: Secret | None, limits: Limits) -> None:
        self._session = session
        self._proxy = URL(proxy.reveal()) if proxy else None
        self._limits = limits

    async def get(self, url: URL, *, token: Secret) -> Answer:
        """The answer, whatever its status.

        Raises:
            NoAnswer: There was none, or not all of it.
        """
        headers = {
            "Authorization": f"Bearer {token.reveal()}",
            "client-request-id": str(uuid.uuid4()),
            "return-client-request-id": "true",
        }
        try:
            async with self._session.get(url, headers=headers, allow_redirects=False, proxy=self._proxy) as response:
                body = await self._read(response)
                names = {name.lower() for name in response.headers}
                headers = {name: ", ".join(response.headers.getall(name)) for name in names}
                return Answer(response.status, headers, body)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._no_answer(error, host=url.authority) from error

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK):
            body += chunk
            if len(body) > self._limits.body_bytes:
                raise NoAnswer(f"it sent more than {self._limits.body_bytes} bytes", is_final=True)
        return bytes(body)

    def _no_answer(self, error: Exception, *, host: str) -> NoAnswer:
        # The libraries' own texts are left out: they may hold the proxy's URL with its password.
        is_untrusted = isinstance(error, aiohttp.ClientConnectorCertificateError)
        return NoAnswer(self._text(error, host), is_final=is_untrusted)

    def _text(self, error: Exception, host: str) -> str:
        match error:
            case aiohttp.ClientConnectorCertificateError():
                text = (
                    f"the TLS certificate of `{host}` is not trusted{_why(error)}; if a proxy or a private authority "
                    "signs it, set the CA bundle to its certificate"
                )
            case aiohttp.ClientHttpProxyError() | aiohttp.ClientProxyConnectionError():
                text = "the configured proxy did not let the request through: check its address and credentials"
            case aiohttp.ClientConnectorDNSError():
                text = f"the name `{host}` cannot be resolved: check the Graph URL, and DNS"
            case TimeoutError():
                text = f"it did not answer within {self._limits.answer.total_seconds():g} s, or fell silent in between"
            case aiohttp.ClientPayloadError():
                text = "its answer broke off"
            case aiohttp.ClientConnectorError():
                text = f"`{host}` cannot be reached: check the Graph URL, the network and the proxy"
            case _:
                text = "it closed the connection, or broke the protocol"
        return text


def _why(error: aiohttp.ClientConnectorCertificateError) -> str:
    cause = error.certificate_error
    return f": {cause.verify_message}" if isinstance(cause, ssl.SSLCertVerificationError) else ""
