"""One call of the Graph side as the handlers see it: who calls, for what, with which options; and what they answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from entraid_emulator.cloud import Cloud
from entraid_emulator.directory import Directory
from entraid_emulator.graph.bearer import Caller
from entraid_emulator.graph.closures import Closures
from entraid_emulator.graph.delta_tokens import DeltaTokens
from entraid_emulator.graph.options import Pairs, QueryOptions
from entraid_emulator.graph.skiptoken import Position, SkipTokens
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
        deltas: writes and reads the tokens of delta rounds.
        closures: the transitive members of the groups asked for last.
        query: the query as received, decoded.
        prefers_minimal: whether `Prefer: return=minimal` came.
        body: the JSON document of a POST; None for other methods.
    """

    cloud: Cloud
    caller: Caller
    options: QueryOptions
    origin: str
    path: str
    keys: Mapping[str, str]
    pages: SkipTokens
    deltas: DeltaTokens
    closures: Closures
    query: Pairs = ()
    prefers_minimal: bool = False
    body: Json = None

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
        return 0 if self.options.skiptoken is None else self._position(self.options.skiptoken).start

    def rest_link(self) -> str | None:
        """Where empty pages are wanted and this page is to be one: the link to the page that stands here."""
        if not self.cloud.behaviour.empty_pages or self.options.skiptoken is None:
            return None
        position = self._position(self.options.skiptoken)
        return None if position.is_rested else self.next_link(position.start, is_rested=True)

    def next_link(self, start: int, *, is_rested: bool = False) -> str:
        """The link to the page that begins at ordinal `start`; `is_rested` if an empty page stood before it."""
        token = self.pages.write(Position(start, is_rested), self._scope(), now=self.cloud.clock.now())
        query = "&".join(
            f"{name}={quote(value, safe=_SAFE)}" for name, value in (*self.options.pairs, ("$skiptoken", token))
        )
        return f"{self.origin}/v1.0{self.path}?{query}"

    def link(self, name: str, token: str) -> str:
        """A link to this path with nothing but a token."""
        return f"{self.origin}/v1.0{self.path}?{name}={quote(token, safe=_SAFE)}"

    def _position(self, token: str) -> Position:
        lifetime = self.cloud.behaviour.page_token_lifetime
        return self.pages.read(token, self._scope(), now=self.cloud.clock.now(), lifetime=lifetime)

    def _scope(self) -> str:
        return repr((self.caller.tenant.tenant_id, self.path, sorted(self.options.pairs)))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler answers.

    Attributes:
        body: a JSON document, or an int for `$count`, which is answered as text.
        headers: beyond those that every answer has.
    """

    body: Mapping[str, Json] | int
    headers: Mapping[str, str] = field(default_factory=dict)
