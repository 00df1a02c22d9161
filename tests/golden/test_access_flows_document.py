"""docs/access-flows.md: every row of its tables says what the service does."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from google.protobuf import json_format

from entraid.v1 import access_service_pb2 as pb
from golden.tenant import Tenant, mapping, read_tenant
from rpc.rooms import Server

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "access-flows.md"
TYPES = {"`user`", "`group`", "`manager`", "any attribute"}
OPERATORS = {"`is`", "`is_not`", "`contains`", "`does_not_contain`", "`starts_with`"}
MAIN = "connections/main"


@dataclass(frozen=True, slots=True)
class Row:
    """A row: its first cells, the condition as JSON, and who passes."""

    cells: tuple[str, ...]
    condition: str
    passing: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join(self.cells).replace("`", "")


def rows() -> list[Row]:
    """Every row with a condition."""
    found = []
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        match = re.fullmatch(r"\| (.*) \| `(\{.*\})` \| (.*) \|", line)
        if match:
            passing = () if match[3] == "nobody" else tuple(match[3].split(", "))
            found.append(Row(tuple(match[1].split(" | ")), match[2], passing))
    return found


def tenant() -> Tenant:
    """The tenant of the document."""
    (block,) = re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    return read_tenant(mapping(yaml.safe_load(block)))


def test_every_type_and_operator_has_a_row() -> None:
    """Four types with five operators each, and what a flow is made of beside them."""
    pairs = {row.cells[:2] for row in rows() if len(row.cells) == 3}
    assert pairs >= {(kind, operator) for kind in TYPES for operator in OPERATORS}
    assert len([row for row in rows() if len(row.cells) == 1]) >= 10


@pytest.mark.parametrize("row", rows(), ids=str)
async def test_the_row_is_true(server: Server, row: Row) -> None:
    """EvaluateAccess allows those who are named and no others; the search finds them; the operator is the named one."""
    directory = tenant()
    await server.commit(
        await server.add_connection(),
        users=directory.users,
        groups=directory.groups,
        edges=directory.edges,
        scope=directory.scope,
    )
    condition = json_format.Parse(directory.resolved(row.condition), pb.Condition())
    if len(row.cells) == 3:
        assert operator_of(condition) == row.cells[1].strip("`")
    people = [user.id for user in directory.users]
    batch = pb.BatchEvaluateAccessRequest(
        requests=[pb.EvaluateAccessRequest(user=f"{MAIN}/users/{user}", condition=condition) for user in people]
    )
    results = (await server.access.BatchEvaluateAccess(batch)).results
    allowed = [
        directory.names[user]
        for user, result in zip(people, results, strict=True)
        if result.response.decision == pb.DECISION_ALLOW
    ]
    assert tuple(allowed) == row.passing
    page = await server.access.SearchEligibleUsers(pb.SearchEligibleUsersRequest(parent=MAIN, condition=condition))
    assert tuple(directory.names[found.user.object_id] for found in page.users) == row.passing


def operator_of(condition: pb.Condition) -> str:
    """The operator of a leaf in the words of access flows."""
    match condition.WhichOneof("kind"):
        case "user":
            operator = condition.user.operator
        case "group":
            operator = condition.group.operator
        case "manager":
            operator = condition.manager.operator
        case _:
            operator = condition.attribute.operator
            if condition.attribute.attribute == "userType":
                return "left out"
    if operator == pb.MATCH_OPERATOR_UNSPECIFIED:
        return "is"
    return pb.MatchOperator.Name(operator).removeprefix("MATCH_OPERATOR_").lower()
