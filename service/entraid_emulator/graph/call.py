"""One call of the Graph side as the handlers see it: who calls, for what, with which options; and what they answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from entraid_emulator.cloud import Cloud
from entraid_emulator.directory import Directory
from entraid_emulator.graph.bearer import Caller
from entraid_emulator.graph.options import QueryOptions
from entraid_emulator.graph.skiptoken import SkipTokens
from entraid_emulator.objects import Json

_SAFE = "(),'*"  # characters that Graph's own links leave as they are


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that was let in.

    Attributes:
        cloud: for time and behaviour.
        caller: tenant and permissions.
        options: the parsed query.
        origin: scheme, host and port that the caller used; links go back there.
        path: the URL path below `/v1.0`, percent-encoded as received, such as `/users`.
        keys: the variable parts of the path, decoded.
        pages: writes and reads skip tokens.
    """

    cloud: Cloud
    caller: Caller
    options: QueryOptions
    origin: str
    path: str
    keys: Mapping[str, str]
    pages: SkipTokens

    @property
    def directory(self) -> Directory:
        """The caller's own tenant's directory: no handler can reach another one."""
        return self.caller.tenant.directory

    @property
    def page_size(self) -> int:
        """Objects per page."""
        return self.options.top or self.cloud.behaviour.page_size

    def context(self, fragment: str) -> str:
        """An `@odata.context` link."""
        return f"{self.origin}/v1.0/$metadata#{fragment}"

    def start(self) -> int:
        """The ordinal that this page begins at.

        Raises:
            GraphError: the skip token is not one of this list.
        """
        if self.options.skiptoken is None:
            return 0
        return self.pages.read(self.options.skiptoken, self._scope(), now=self.cloud.clock.now())

    def next_link(self, start: int) -> str:
        """The link to the page that begins at ordinal `start`."""
        token = self.pages.write(start, self._scope(), now=self.cloud.clock.now())
        query = "&".join(
            f"{name}={quote(value, safe=_SAFE)}" for name, value in (*self.options.pairs, ("$skiptoken", token))
        )
        return f"{self.origin}/v1.0{self.path}?{query}"

    def _scope(self) -> str:
        return repr((self.caller.tenant.tenant_id, self.path, sorted(self.options.pairs)))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler answers.

    Attributes:
        body: a JSON document, or an int for `$count`, which is answered as text.
        base_cost: resource units before the options change them.
    """

    body: Mapping[str, Json] | int
    base_cost: int = 1
