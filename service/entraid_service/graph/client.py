"""Microsoft Graph of one cloud: the connection pool that its tenants share, and the way to each tenant's directory."""

from pathlib import Path
from weakref import WeakKeyDictionary

from yarl import URL

from entraid_service.graph.budget import Budget
from entraid_service.graph.caller import GraphCaller, OnRequest
from entraid_service.graph.http import GraphHttp, GraphSession, open_session
from entraid_service.graph.limits import Limits, LoopTimer, Timer
from entraid_service.graph.source import GraphDirectory
from entraid_service.model.secret import Secret
from entraid_service.ports import TokenSource


class MicrosoftGraph:
    """Implements `ports.Graph`. To be closed with `close`.

    Args:
        base_url: Where Graph is, API version included: `https://graph.microsoft.com/v1.0`.
        ca_bundle: PEM file of the authorities to trust, in place of the public ones.
        proxy: URL of an HTTP proxy, possibly with credentials.
        limits: Bounds of each tenant's reading.
        timer: What waits are measured with.
        on_request: Told of each request: the status of its answer, None if none came.

    Raises:
        ValueError: The URL is not an https URL, or there is no such CA bundle.
    """

    def __init__(
        self,
        *,
        base_url: str,
        ca_bundle: Path | None = None,
        proxy: Secret | None = None,
        limits: Limits | None = None,
        timer: Timer | None = None,
        on_request: OnRequest | None = None,
    ) -> None:
        if not base_url.startswith("https://"):
            raise ValueError(f"the Graph URL `{base_url}` is not an https URL: tokens are sent there")
        if ca_bundle is not None and not ca_bundle.is_file():
            raise ValueError(f"the CA bundle `{ca_bundle}` is not a file: check its path, or leave it out")
        self._base = URL(base_url.rstrip("/"))
        self._ca_bundle = ca_bundle
        self._proxy = proxy
        self._limits = limits or Limits()
        self._timer = timer or LoopTimer()
        self._on_request = on_request
        self._session: GraphSession | None = None
        self._budgets: WeakKeyDictionary[TokenSource, Budget] = WeakKeyDictionary()

    def directory(self, tokens: TokenSource) -> GraphDirectory:
        """See `ports.Graph.directory`. Called inside the event loop.

        Tenants share connections and nothing else. Directories of the same tokens share a budget: to Graph they are one
        app in one tenant.
        """
        if self._session is None:
            self._session = open_session(ca_bundle=self._ca_bundle, limits=self._limits)
        caller = GraphCaller(
            http=GraphHttp(self._session, proxy=self._proxy, limits=self._limits),
            tokens=tokens,
            budget=self._budgets.setdefault(tokens, Budget(self._limits, timer=self._timer)),
            limits=self._limits,
            timer=self._timer,
            on_request=self._on_request,
        )
        return GraphDirectory(base=self._base, caller=caller, tokens=tokens, limits=self._limits)

    async def close(self) -> None:
        """Closes the connections; requests under way end with an error."""
        if self._session is not None:
            await self._session.close()
