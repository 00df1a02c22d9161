from collections.abc import Callable
from pathlib import Path

from e2e.harness import Service, connect, connect_request, evaluate, list_users, pointed_at, start_sync, sync, watch
from entraid.v1 import access_service_pb2
from entraid.v1.sync_service_pb2 import SyncRun
from entraid_emulator import Emulator, contoso, in_background

NADIA = "nadia.rahman@contoso.example"
ENGINEERING = {"group": {"values": ["Engineering"]}}


def test_row_34_it_starts_and_decides_with_no_network(
    tmp_path: Path, start: Callable[[dict[str, str]], Service]
) -> None:
    """Entra is gone when the service starts again: it answers from what it has, and a sync fails with a reason."""
    with in_background(Emulator([contoso()], ca_file=tmp_path / "ca.pem")) as cloud:
        settings = pointed_at(cloud)
        service = start(settings)
        name = connect(service, connect_request(cloud, "contoso")).name
        before = sync(service, name)
        service.stop()

    again = start(settings)

    answer = evaluate(again, f"{name}/users/{NADIA}", ENGINEERING)
    assert answer.decision == access_service_pb2.DECISION_ALLOW
    assert answer.snapshot == before.snapshot
    run = watch(again, start_sync(again, name).name)[-1]
    assert run.state == SyncRun.STATE_FAILED
    assert "cannot be reached" in run.error.message
    assert len(list_users(again, name).users) == 40
    answer = evaluate(again, f"{name}/users/{NADIA}", ENGINEERING)
    assert answer.snapshot == before.snapshot
