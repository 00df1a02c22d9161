"""What a tenant's Graph lets an app read, found by trying: one user, one group, its members.

What a read shows decides. Where it shows nothing, because the tenant has no groups yet, what the token says decides; a
token that is opaque or names no permission says nothing, and a read that was not refused stands.
"""

from collections.abc import Collection, Mapping

from yarl import URL

from entraid_service.errors import PermissionMissing
from entraid_service.graph.caller import GraphCaller
from entraid_service.graph.decode import has_hidden_membership
from entraid_service.graph.permissions import GROUPS, MEMBERS, USERS, Subject, attribute_of_users, is_known_to_lack
from entraid_service.graph.queries import whole_properties
from entraid_service.graph.refusals import GraphRefused
from entraid_service.graph.urls import graph_url
from entraid_service.model.permissions import GROUP_MEMBER_READ, GUARDED_ATTRIBUTES, USER_READ, permissions_for
from entraid_service.ports import AccessProbe, TokenSource

Record = Mapping[str, object]


class Probe:
    """One try of a tenant's Graph, and the permissions that it found missing."""

    def __init__(self, caller: GraphCaller, *, base: URL, tokens: TokenSource) -> None:
        self._caller = caller
        self._base = base
        self._tokens = tokens
        self._missing: set[str] = set()

    async def run(self, attributes: Collection[str]) -> AccessProbe:
        """The permissions that are missing, by name, in the order in which a sync needs them.

        Raises:
            EntraidError: As `ports.DirectorySource`, but `PermissionMissing`.
        """
        user = await self._first(USERS, "users", select="id,accountEnabled,department")
        group = await self._first(GROUPS, "groups", select="id,displayName,visibility")
        if group is not None and isinstance(group.get("id"), str) and not has_hidden_membership(group):
            await self._members(str(group["id"]))
        for attribute in whole_properties(attributes):
            if attribute in GUARDED_ATTRIBUTES:
                await self._attribute(attribute)
        await self._judge_by_token(user, group)
        return AccessProbe(tuple(one.name for one in permissions_for(attributes) if one.name in self._missing))

    async def _first(self, subject: Subject, *segments: str, select: str) -> Record | None:
        few, usual = (graph_url(self._base, *segments, query={"$select": select, **top}) for top in ({"$top": 1}, {}))
        try:
            records = (await self._either(few, usual, subject=subject)).get("value")
        except PermissionMissing as error:
            self._missing.update(error.missing)
            return None
        return records[0] if isinstance(records, list) and records and isinstance(records[0], dict) else None

    async def _members(self, group_id: str) -> None:
        try:
            await self._first(MEMBERS, "groups", group_id, "members", select="id")
        except GraphRefused as error:
            # The group may be gone by now, and where there are no such lists the feed may tell the members.
            if not error.is_missing_object and not error.is_not_offered:
                raise

    async def _attribute(self, attribute: str) -> None:
        try:
            await self._first(attribute_of_users(attribute), "users", select=f"id,{attribute}")
        except GraphRefused as error:
            if not error.is_bad_query:  # the sync tells of an attribute that this Graph does not know
                raise

    async def _judge_by_token(self, user: Record | None, group: Record | None) -> None:
        roles = (await self._tokens.token()).roles
        # User.ReadBasic.All answers without error and leaves out what decisions need.
        hides_attributes = user is not None and user.get("accountEnabled") is None
        if (hides_attributes or (user is None and roles)) and is_known_to_lack(roles, USER_READ):
            self._missing.add(USER_READ.name)
        if group is None and roles and is_known_to_lack(roles, GROUP_MEMBER_READ):
            self._missing.add(GROUP_MEMBER_READ.name)

    async def _either(self, url: URL, other: URL, *, subject: Subject) -> Record:
        """What is at the first URL, or at the other one where Graph refuses the first as a query."""
        try:
            return await self._caller.get(url, subject=subject)
        except GraphRefused as error:
            if not error.is_bad_query:
                raise
        return await self._caller.get(other, subject=subject)
