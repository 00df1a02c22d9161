"""Every decision leaves a record, however it was asked for; none of the errors does."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

import grpc
import pytest

from entraid.v1 import access_service_pb2 as pb
from entraid.v1.access_service_pb2_grpc import AccessServiceStub
from entraid_service.observe.audit import AuditLog
from entraid_service.observe.audit_line import digest
from entraid_service.rpc.facades import Facades
from entraid_service.rpc.server import GrpcServer, ServerSettings
from rpc.rooms import ADELE, CLARA, Server
from rpc.test_tls_files import Issue, issue

__all__ = ["issue"]  # a fixture

IN_EMEA = pb.Condition(group=pb.GroupCondition(values=["EMEA"]))


class Lines:
    """A sink in memory."""

    def __init__(self) -> None:
        self._written = b""

    def write(self, lines: bytes) -> None:
        """Keeps them."""
        self._written += lines

    @property
    def all(self) -> list[dict[str, object]]:
        """What was written."""
        return [json.loads(line) for line in self._written.splitlines()]


@pytest.fixture
def written() -> Lines:
    """What the audit log wrote."""
    return Lines()


@pytest.fixture
async def facades(facades: Facades, written: Lines) -> Facades:
    """The rooms, with an audit log."""
    return replace(facades, audit=AuditLog(written))


async def flush(facades: Facades) -> None:
    """Writes what is noted."""
    assert isinstance(facades.audit, AuditLog)
    await facades.audit.flush()


def ask(user: str = ADELE) -> pb.EvaluateAccessRequest:
    """May this user."""
    return pb.EvaluateAccessRequest(user=f"connections/main/users/{user}", condition=IN_EMEA)


async def test_unary_batch_and_stream_are_audited_alike(server: Server, facades: Facades, written: Lines) -> None:
    """A line for each decision, under the id of its answer; none for a request that failed."""
    await server.commit(await server.add_connection())
    one = await server.access.EvaluateAccess(ask())
    batch = await server.access.BatchEvaluateAccess(
        pb.BatchEvaluateAccessRequest(requests=[ask(CLARA), pb.EvaluateAccessRequest(), ask("nobody@x")])
    )
    call = server.access.StreamEvaluateAccess()
    await call.write(pb.StreamEvaluateAccessRequest(correlation_id="1", request=ask()))
    streamed = await call.read()
    await call.done_writing()
    assert isinstance(streamed, pb.StreamEvaluateAccessResponse)
    await flush(facades)
    answers = [one, batch.results[0].response, batch.results[2].response, streamed.response]
    assert [line["decision_id"] for line in written.all] == [answer.decision_id for answer in answers]
    assert [line["outcome"] for line in written.all] == ["ALLOW", "DENY", "DENY", "ALLOW"]
    assert [line["reasons"] for line in written.all[:3]] == [["GROUP_MEMBER"], ["USER_DISABLED"], ["USER_NOT_FOUND"]]
    assert [line.get("user") for line in written.all] == [ADELE, CLARA, None, ADELE]
    for line in written.all:
        assert line["condition"] == digest(IN_EMEA.SerializeToString(deterministic=True))
        assert line["snapshot"] == one.snapshot.token
        assert str(line["peer"]).startswith("ipv4:127.0.0.1:")
        assert "nobody@x" not in str(line)


async def test_a_load_of_batches_loses_no_record(
    server: Server, facades: Facades, written: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches are decided faster than lines were once written: what waits stays a small part of what was decided."""
    monkeypatch.setattr("entraid_service.observe.audit._MOST_WAITING", 10_000)
    assert isinstance(facades.audit, AuditLog)
    await server.commit(await server.add_connection())
    writing = asyncio.create_task(facades.audit.run())
    batch = pb.BatchEvaluateAccessRequest(requests=[ask()] * 500)
    for _ in range(20):
        await asyncio.gather(*[server.access.BatchEvaluateAccess(batch) for _ in range(4)])
    writing.cancel()
    await flush(facades)
    lines = written.all
    assert not [line for line in lines if "lost_records" in line]
    assert len({line["decision_id"] for line in lines}) == 20 * 4 * 500


async def test_the_client_is_named_by_its_certificate(
    server: Server, facades: Facades, issue: Issue, written: Lines
) -> None:
    """Under mutual TLS the record holds the common name that the client showed."""
    await server.commit(await server.add_connection())
    mine, theirs = issue("server"), issue("access flows")
    tls = replace(mine, client_ca=theirs.certificate)
    guarded = GrpcServer(ServerSettings(address="127.0.0.1:0", tls=tls), facades)
    port = await guarded.start()
    credentials = grpc.ssl_channel_credentials(
        mine.certificate.read_bytes(), theirs.key.read_bytes(), theirs.certificate.read_bytes()
    )
    async with grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials) as channel:
        await AccessServiceStub(channel).EvaluateAccess(ask())
    await guarded.stop(timedelta())
    await flush(facades)
    assert [line["client"] for line in written.all] == ["access flows"]
