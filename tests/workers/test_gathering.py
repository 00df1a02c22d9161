"""The parent gathers what its workers count; a real service of two, and a team without processes."""

import asyncio
import urllib.request
from collections.abc import Callable

from prometheus_client.parser import text_string_to_metric_families

from e2e.harness import Service, connect, connect_request
from entraid.v1 import access_service_pb2 as access
from entraid_emulator import Emulator
from entraid_emulator.tenants.contoso_people import person_id
from entraid_service.gathering import ALL, ASK, TELL, TOLD, Gathering, Team
from entraid_service.observe.metrics import Metrics
from entraid_service.observe.pooled import NOTHING, dump
from workers.harness import CALL_SECONDS, Line, eventually, kill, lines_to, question, worker_pids


def _scraped(service: Service, name: str) -> dict[str, float]:
    """The values of a metric by worker."""
    with urllib.request.urlopen(f"http://{service.http_address}/metrics", timeout=CALL_SECONDS) as answer:
        text = answer.read().decode()
    values: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name:
                worker = sample.labels.get("worker", "")
                values[worker] = values.get(worker, 0) + sample.value
    return values


def test_one_page_tells_of_all_workers(emulator: Emulator, start: Callable[[], Service]) -> None:
    """Every decision is counted once, whichever worker made it; and who is started anew is told of again."""
    service = start()
    name = connect(service, connect_request(emulator, "contoso")).name
    with lines_to(service) as lines:
        lines[0].sync(name)
        asked = question(f"{name}/users/{person_id(2)}", "Engineering")
        for line in lines:
            assert _decided(line, asked, 10)
        decisions = _scraped(service, "entraid_decisions_total")
        assert set(decisions) == {"0", "1"}
        assert sum(decisions.values()) == 10 * len(lines)
        assert all(decisions.values()), "both workers have to have had calls"
        assert list(_scraped(service, "entraid_snapshot_sync_time_seconds")) == [""]
    kill(max(worker_pids(service)))
    eventually(lambda: service.log().count('"event": "serving"') == 3)
    eventually(lambda: set(_scraped(service, "entraid_start_time_seconds")) == {""})
    eventually(lambda: set(_scraped(service, "entraid_decisions_total")) == {"0", "1"})


def _decided(line: Line, asked: access.EvaluateAccessRequest, times: int) -> bool:
    return all(line.allows(asked) for _ in range(times))


async def test_a_worker_that_is_silent_or_gone_holds_nobody_up() -> None:
    """What the others tell is passed on, and the next question is asked anew."""
    sent: list[tuple[int, bytes]] = []

    def gone(message: bytes) -> None:
        assert message == TELL
        raise BrokenPipeError

    async with asyncio.TaskGroup() as tasks:
        gathering = Gathering(tasks.create_task)
        worker = Metrics()
        worker.count_decision(is_allowed=True)
        told = TOLD + dump(worker.registry)

        def answering(message: bytes) -> None:
            sent.append((1, message))
            assert gathering.hear(1, told)

        def ask(message: bytes) -> None:
            tasks.create_task(_later(gathering, message))

        first = Team(ask)
        gathering.members |= {0: _heard_by(first), 1: answering, 2: gone}
        gathering.members[3] = lambda message: sent.append((3, message))
        for _ in range(2):
            assert await first.metrics() == {1: dump(worker.registry)}
    assert sent == [(1, TELL), (3, TELL)] * 2


async def test_a_worker_tells_what_it_counts() -> None:
    """Nothing before it has begun to count; other messages are not its business."""
    sent: list[bytes] = []
    team = Team(sent.append)
    assert team.hear(TELL)
    metrics = Metrics()
    team.tells_of(metrics.registry)
    assert team.hear(TELL)
    assert sent == [TOLD + NOTHING, TOLD + dump(metrics.registry)]
    assert team.hear(ALL + b"\x80")
    assert not team.hear(b"serving")
    assert not Gathering(lambda work: work.close()).hear(0, b"failed: x")


async def _later(gathering: Gathering, message: bytes) -> None:
    assert message == ASK
    assert gathering.hear(0, message)


def _heard_by(team: Team) -> Callable[[bytes], None]:
    def hear(message: bytes) -> None:
        assert team.hear(message)

    return hear
