"""An access flow's condition from the look over to the audit log, as operators see it."""

import json
from collections.abc import Callable

from google.protobuf import json_format

from e2e.harness import Service, connect, connect_request, evaluate, grpcurl, pointed_at, sync
from entraid.v1 import access_service_pb2 as pb
from entraid_emulator import Emulator

NADIA = "nadia.rahman@contoso.example"


def test_a_stopped_service_has_written_every_decision(
    emulator: Emulator, start: Callable[[dict[str, str]], Service]
) -> None:
    """Allows and denials are in the file when the service is gone, with the ids that the answers carried."""
    service = start({**pointed_at(emulator), "ENTRAID_AUDIT_LOG": "audit.jsonl"})
    name = connect(service, connect_request(emulator, "contoso")).name
    sync(service, name)
    everybody = {"user": {"operator": "MATCH_OPERATOR_IS_SET"}}
    answers = [evaluate(service, f"{name}/users/{user}", everybody) for user in (NADIA, "nobody@contoso.example")]
    service.stop()
    written = [json.loads(line) for line in (service.folder / "audit.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["decision_id"] for line in written] == [answer.decision_id for answer in answers]
    assert [line["outcome"] for line in written] == ["ALLOW", "DENY"]
    assert written[0]["snapshot"] == answers[0].snapshot.token
    assert "nobody@" not in str(written)
    assert (service.folder / "audit.jsonl").stat().st_mode & 0o077 == 0


def test_who_is_eligible_is_who_is_allowed(service: Service, connection: str) -> None:
    """Search, stream and look over answer to a stranger's client, and agree."""
    condition = {"attribute": {"attribute": "userType", "values": ["Member"]}}
    found = service.call(
        "AccessService/SearchEligibleUsers",
        {"parent": connection, "condition": condition, "page_size": 3},
        pb.SearchEligibleUsersResponse(),
    )
    assert len(found.users) == 3
    assert found.next_page_token
    for eligible in found.users:
        assert evaluate(service, eligible.user.name, condition).decision == pb.DECISION_ALLOW
    looked = service.call(
        "AccessService/ValidateCondition",
        {"parent": connection, "condition": {"attribute": {"attribute": "userTipe", "values": ["Member"]}}},
        pb.ValidateConditionResponse(),
    )
    assert [list(issue.suggestions) for issue in looked.issues] == [["userType"]]
    asked = "\n".join(
        json.dumps({"correlation_id": mark, "request": {"user": f"{connection}/users/{NADIA}", "condition": condition}})
        for mark in "ab"
    )
    ended = grpcurl("-d", "@", service.target, "entraid.v1.AccessService/StreamEvaluateAccess", stdin=asked)
    first = json_format.Parse(ended.out[: ended.out.index("\n}\n") + 2], pb.StreamEvaluateAccessResponse())
    assert (first.correlation_id, first.response.decision) == ("a", pb.DECISION_ALLOW)
    assert ended.out.count('"correlation_id"') == 2
