from datetime import UTC, datetime

import pytest

from entraid_service.model.connection import Connection, ConnectionState
from entraid_service.model.ids import ConnectionId, TenantId
from entraid_service.model.permissions import (
    Grant,
    lacking,
    missing_after,
    permission_statuses,
    permissions_for,
)
from entraid_service.model.report import ErrorReport

NOW = datetime(2026, 5, 1, tzinfo=UTC)
USUAL = ("displayName", "department")
USERS, GROUPS, HIDDEN = "User.Read.All", "GroupMember.Read.All", "Member.Read.Hidden"


def connection(
    *granted: str, missing: tuple[str, ...] = (), state: ConnectionState = ConnectionState.ACTIVE
) -> Connection:
    """One whose latest token carried these permissions; none stands for an opaque token."""
    return Connection(
        id=ConnectionId("main"),
        uid="uid",
        display_name="",
        tenant_id=TenantId(""),
        client_id="the-app",
        state=state,
        create_time=NOW,
        update_time=NOW,
        granted_permissions=granted,
        missing_permissions=missing,
    )


def grants(found: Connection, attributes: tuple[str, ...] = USUAL) -> dict[str, Grant]:
    """How each permission stands."""
    return {status.permission.name: status.grant for status in permission_statuses(found, attributes)}


@pytest.mark.parametrize(
    ("granted", "missing"),
    [
        ((USERS, GROUPS), ()),
        (("Directory.Read.All",), ()),
        (("Directory.ReadWrite.All",), ()),
        (("User.ReadWrite.All", "Group.Read.All"), ()),
        (("User.Read.All", "Group.ReadWrite.All"), ()),
        (("User.Read.All", "GroupMember.ReadWrite.All"), ()),
        (("User.ReadBasic.All", GROUPS), (USERS,)),
        (("Group.Read.All",), (USERS,)),
        ((USERS, HIDDEN), (GROUPS,)),
        ((), (USERS, GROUPS)),
    ],
)
def test_a_wider_permission_serves_and_a_smaller_one_does_not(
    granted: tuple[str, ...], missing: tuple[str, ...]
) -> None:
    """What Microsoft accepts for each read, and what hides attributes."""
    assert lacking(granted, USUAL) == missing


@pytest.mark.parametrize(
    ("attribute", "name", "wider"),
    [
        ("employeeLeaveDateTime", "User-LifeCycleInfo.Read.All", "User-LifeCycleInfo.ReadWrite.All"),
        ("signInActivity.lastSignInDateTime", "AuditLog.Read.All", "AuditLog.Read.All"),
        (
            "customSecurityAttributes",
            "CustomSecAttributeAssignment.Read.All",
            "CustomSecAttributeAssignment.ReadWrite.All",
        ),
    ],
)
def test_an_attribute_of_the_settings_may_call_for_more(attribute: str, name: str, wider: str) -> None:
    """Asked for once, required, and named in the sentence that says what it is for."""
    needed = {one.name: one for one in permissions_for((*USUAL, attribute, attribute))}
    assert needed[name].is_required
    assert attribute.partition(".")[0] in needed[name].feature
    assert lacking((USERS, GROUPS), (*USUAL, attribute)) == (name,)
    assert lacking((USERS, GROUPS, wider), (*USUAL, attribute)) == ()
    assert name not in {one.name for one in permissions_for(USUAL)}


def test_what_is_granted_says_by_what_and_needs_no_remedy() -> None:
    """The narrow permission by itself, else the wider one; the optional one that is not there is told as such."""
    users, groups, hidden = permission_statuses(connection("Directory.Read.All", USERS), USUAL)
    assert (users.grant, users.granted_by, users.remedy) == (Grant.GRANTED, USERS, "")
    assert (groups.grant, groups.granted_by, groups.remedy) == (Grant.GRANTED, "Directory.Read.All", "")
    assert (hidden.grant, hidden.granted_by, hidden.permission.is_required) == (Grant.NOT_GRANTED, "", False)
    assert hidden.remedy.startswith("only if you need it")


def test_what_is_not_granted_has_a_remedy_that_names_app_and_permission() -> None:
    """So that nobody has to look up what to do."""
    _, groups, _ = permission_statuses(connection(USERS, missing=(GROUPS,)), USUAL)
    assert groups.grant is Grant.NOT_GRANTED
    for word in (GROUPS, "the-app", "App registrations > API permissions", "grant consent"):
        assert word in groups.remedy


def test_a_connection_that_waits_tells_what_it_will_need() -> None:
    """Nothing is granted yet, and the remedy is the consent."""
    waiting = permission_statuses(connection(state=ConnectionState.PENDING_CONSENT), USUAL)
    assert [status.permission.name for status in waiting] == [USERS, GROUPS, HIDDEN]
    assert {status.grant for status in waiting} == {Grant.NOT_GRANTED}
    assert all("with the consent" in status.remedy for status in waiting)


def test_an_opaque_token_is_judged_by_what_was_read_with_it() -> None:
    """What works is granted, what was refused is not, and of the rest nothing is claimed."""
    assert grants(connection()) == {USERS: Grant.GRANTED, GROUPS: Grant.GRANTED, HIDDEN: Grant.UNKNOWN}
    refused = connection(missing=(GROUPS,), state=ConnectionState.DEGRADED)
    assert grants(refused) == {USERS: Grant.UNKNOWN, GROUPS: Grant.NOT_GRANTED, HIDDEN: Grant.UNKNOWN}


def test_what_graph_refused_is_not_told_as_granted() -> None:
    """A permission may be revoked while a token that carries it is in use."""
    assert grants(connection(USERS, GROUPS, missing=(USERS,)))[USERS] is Grant.NOT_GRANTED


def test_a_sync_tells_what_is_missing_by_the_token_and_by_refusals() -> None:
    """A failure adds what Graph asked for; a success leaves what the token lacks."""
    known = connection(USERS, missing=("AuditLog.Read.All",))
    refusal = ErrorReport(
        status="FAILED_PRECONDITION", message="", metadata={"missing_permissions": f"{GROUPS},{USERS}"}
    )
    assert missing_after(refusal, known, attributes=USUAL) == ("AuditLog.Read.All", GROUPS, USERS)
    outage = ErrorReport(status="UNAVAILABLE", message="")
    assert missing_after(outage, known, attributes=USUAL) == ("AuditLog.Read.All",)
    assert missing_after(None, known, attributes=USUAL) == (GROUPS,)
    assert missing_after(None, connection(missing=(GROUPS,)), attributes=USUAL) == ()
