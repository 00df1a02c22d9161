"""What a tenant's Graph lets an app read, found by trying: one user, one group, its members."""

from collections.abc import Mapping

from yarl import URL

from entraid_service.errors import PermissionMissing
from entraid_service.graph.caller import GraphCaller
from entraid_service.graph.decode import has_hidden_membership
from entraid_service.graph.permissions import GROUPS, MEMBERS, USERS, Subject, shows_basic_users_only
from entraid_service.graph.refusals import GraphRefused
from entraid_service.graph.urls import graph_url
from entraid_service.ports import AccessProbe, TokenSource


async def probe_access(caller: GraphCaller, *, base: URL, tokens: TokenSource) -> AccessProbe:
    """The permissions that are missing, by name, in the order in which a sync needs them.

    Raises:
        EntraidError: As `ports.DirectorySource`, but `PermissionMissing`.
    """
    missing: dict[str, None] = {}

    async def first(subject: Subject, *segments: str, select: str) -> Mapping[str, object] | None:
        few, usual = (graph_url(base, *segments, query={"$select": select, **top}) for top in ({"$top": 1}, {}))
        try:
            records = (await _either(caller, few, usual, subject=subject)).get("value")
        except PermissionMissing as error:
            missing.update(dict.fromkeys(error.missing))
            return None
        return records[0] if isinstance(records, list) and records and isinstance(records[0], dict) else None

    user = await first(USERS, "users", select="id,accountEnabled,department")
    # User.ReadBasic.All answers without error and leaves out what decisions need.
    hides_attributes = user is not None and user.get("accountEnabled") is None
    if hides_attributes and shows_basic_users_only((await tokens.token()).roles):
        missing.update(dict.fromkeys(USERS.permissions))
    group = await first(GROUPS, "groups", select="id,displayName,visibility")
    if group is not None and isinstance(group.get("id"), str) and not has_hidden_membership(group):
        try:
            await first(MEMBERS, "groups", str(group["id"]), "members", select="id")
        except GraphRefused as error:
            # The group may be gone by now, and where there are no such lists the feed may tell the members.
            if not error.is_missing_object and not error.is_not_offered:
                raise
    return AccessProbe(tuple(missing))


async def _either(caller: GraphCaller, url: URL, other: URL, *, subject: Subject) -> dict[str, object]:
    """What is at the first URL, or at the other one where Graph refuses the first as a query."""
    try:
        return await caller.get(url, subject=subject)
    except GraphRefused as error:
        if not error.is_bad_query:
            raise
    return await caller.get(other, subject=subject)
