"""Groups with hidden membership: which they are, and whether the app may see who is in them.

Graph may answer an app that lacks Member.Read.Hidden with an empty list: that is no knowledge about members
(https://learn.microsoft.com/graph/api/group-list-members).
"""

from entraid_service.graph.caller import GraphCaller
from entraid_service.graph.decode import has_hidden_membership
from entraid_service.graph.permissions import GROUPS
from entraid_service.graph.queries import Queries
from entraid_service.model.ids import GroupId
from entraid_service.model.permissions import MEMBER_READ_HIDDEN
from entraid_service.ports import TokenSource


class HiddenMemberships:
    """Remembers what was told of groups while one tenant is read."""

    def __init__(self, *, caller: GraphCaller, tokens: TokenSource, queries: Queries) -> None:
        self._caller = caller
        self._tokens = tokens
        self._queries = queries
        self._hidden: set[str] = set()
        self.has_all_groups = False
        """Whether every group of the tenant was noted, so that the others are known to be open."""

    def note(self, *group_ids: str) -> None:
        """Remembers groups that hide their members."""
        self._hidden.update(group_ids)

    async def hides(self, group_id: GroupId) -> bool:
        """Whether a group hides its members; Graph is asked about one that was not told of.

        Raises:
            EntraidError: As `GraphCaller.get`.
        """
        if self.has_all_groups or group_id in self._hidden:
            return group_id in self._hidden
        return has_hidden_membership(await self._caller.get(self._queries.visibility(group_id), subject=GROUPS))

    async def are_shown(self) -> bool | None:
        """Whether the app may see hidden members by what its token says; None for a token that does not tell.

        Raises:
            CredentialsRejected, EntraUnavailable: As `TokenSource.token`.
        """
        roles = (await self._tokens.token()).roles
        if roles is not None and not MEMBER_READ_HIDDEN.among(roles):
            roles = (await self._caller.fresh_token()).roles
        return None if roles is None else bool(MEMBER_READ_HIDDEN.among(roles))
