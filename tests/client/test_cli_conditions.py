"""`entraidctl who-can` and `entraidctl validate`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from client.command_line import entraidctl
from entraid.v1 import access_service_pb2 as pb
from entraid.v1.directory_service_pb2 import User
from entraid.v1.snapshot_pb2 import Snapshot
from entraid_client.conditions import STARTS_WITH, all_of, attribute, group

if TYPE_CHECKING:
    from client.scripted_service import Script


def eligible(name: str) -> pb.EligibleUser:
    """Somebody who was found."""
    reason = pb.Reason(code=pb.REASON_CODE_GROUP_MEMBER, field="condition.group", message="in")
    return pb.EligibleUser(user=User(display_name=name, object_id=f"id-{name}"), reasons=[reason, reason])


async def test_the_eligible_are_listed_from_every_page(script: Script) -> None:
    """Short and empty pages are walked; the question is the one that the options state."""
    script.answer(
        "SearchEligibleUsers",
        pb.SearchEligibleUsersResponse(users=[eligible("Ada")], next_page_token="1"),
        pb.SearchEligibleUsersResponse(next_page_token="2"),
        pb.SearchEligibleUsersResponse(users=[eligible("Bob"), eligible("Eve")], snapshot=Snapshot(token="s")),
    )
    ended = await entraidctl(
        *("who-can", "contoso", "--group", "Sales", "--attribute", "department^R", "--max-staleness", "5m"),
        *("--limit", "0", "--target", script.target),
    )
    assert ended.code == 0, ended.all
    assert [name in ended.out for name in ("Ada", "Bob", "Eve", "GROUP_MEMBER")] == [True] * 4
    assert "3 eligible users" in ended.err
    (first, *_) = script.requests("SearchEligibleUsers")
    assert isinstance(first, pb.SearchEligibleUsersRequest)
    assert first.parent == "connections/contoso"
    assert first.condition == all_of(group("Sales"), attribute("department", "R", operator=STARTS_WITH))
    assert first.consistency.max_staleness.seconds == 300


async def test_the_first_of_them_come_as_json(script: Script) -> None:
    """As many as asked for, and whether there are more."""
    page = pb.SearchEligibleUsersResponse(users=[eligible("Ada"), eligible("Bob")], next_page_token="1")
    script.answer("SearchEligibleUsers", page)
    ended = await entraidctl(
        "who-can", "contoso", "--group", "Sales", "--limit", "1", "-o", "json", "--target", script.target
    )
    document = json.loads(ended.out)
    assert [user["user"]["displayName"] for user in document["users"]] == ["Ada"]
    assert document["hasMore"] is True


async def test_issues_are_told_with_what_may_have_been_meant(script: Script) -> None:
    """An error makes the exit code 2, a warning alone does not; hostile names do not steer the terminal."""
    issue = pb.ConditionIssue(
        field="condition.group.values[0]",
        severity=pb.ConditionIssue.SEVERITY_ERROR,
        code=pb.ConditionIssue.CODE_GROUP_NOT_FOUND,
        message="no group is named `Slaes`",
        suggestions=["Sales", "\x1b[2J"],
    )
    script.answer("ValidateCondition", pb.ValidateConditionResponse(issues=[issue]))
    arguments = ("validate", "contoso", "--group", "Slaes", "--target", script.target)
    ended = await entraidctl(*arguments)
    assert ended.code == 2
    assert "error  GROUP_NOT_FOUND  no group is named `Slaes`" in ended.out
    assert "did you mean: Sales" in ended.out
    assert "\x1b" not in ended.all
    assert "1 error, 0 warnings" in ended.err


async def test_a_sound_condition_passes(script: Script) -> None:
    """Nothing against it, or warnings only: exit code 0, for people and programs alike."""
    warning = pb.ConditionIssue(severity=pb.ConditionIssue.SEVERITY_WARNING)
    script.answer(
        "ValidateCondition",
        pb.ValidateConditionResponse(),
        pb.ValidateConditionResponse(issues=[warning]),
    )
    arguments = ("validate", "contoso", "--group", "Sales", "--target", script.target)
    ended = await entraidctl(*arguments)
    assert (ended.code, ended.out) == (0, "")
    assert "nothing against it" in ended.err
    ended = await entraidctl(*arguments, "-o", "json")
    assert ended.code == 0
    assert json.loads(ended.out)["issues"][0]["severity"] == "SEVERITY_WARNING"


async def test_no_condition_is_a_usage_error(script: Script) -> None:
    """Nothing is asked without one, and two bounds on age contradict each other."""
    for arguments in (
        ("who-can", "contoso"),
        ("validate", "contoso"),
        ("who-can", "contoso", "--group", "x", "--max-staleness", "5m", "--at-least-as-fresh", "t"),
    ):
        assert (await entraidctl(*arguments, "--target", script.target)).code == 2
    assert script.calls == []
