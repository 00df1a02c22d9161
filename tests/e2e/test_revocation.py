import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2e.harness import Service, connect, connect_request, evaluate, pointed_at, reason_names
from entraid.v1 import access_service_pb2
from entraid.v1.connection_service_pb2 import GetConnectionResponse
from entraid_emulator import Emulator, contoso, in_background
from entraid_emulator.tenants.contoso_groups import contoso_id

NADIA = "nadia.rahman@contoso.example"
ENGINEERING = {"group": {"values": ["Engineering"]}}
INTERVAL = 1.0
LATEST = INTERVAL + 5.0
"""Seconds after which nobody may be let in any more."""


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Emulator]:
    """A Contoso of the test's own, which it may change."""
    with in_background(Emulator([contoso()], ca_file=tmp_path / "ca.pem")) as running:
        yield running


@pytest.fixture
def service(cloud: Emulator, start: Callable[[dict[str, str]], Service]) -> Service:
    """A service that looks for changes every second."""
    return start({**pointed_at(cloud), "ENTRAID_SYNC_INTERVAL": f"{INTERVAL:.0f}s"})


def nadia(cloud: Emulator) -> str:
    """Her object id."""
    found = cloud.tenants[0].directory.user(NADIA)
    assert found is not None
    return str(found["id"])


def take_out_of_nested_group(cloud: Emulator) -> None:
    """She leaves the group through which she is in the other."""
    directory = cloud.tenants[0].directory
    engineering = contoso_id("g", 3)
    nested = [key for key, members in directory.truth().members.items() if nadia(cloud) in members]
    assert engineering not in nested
    for key in nested:
        directory.remove_member(key, contoso_id("u", int(nadia(cloud)[-12:])))


def disable(cloud: Emulator) -> None:
    """Her sign-in is blocked."""
    cloud.tenants[0].directory.update_user(contoso_id("u", int(nadia(cloud)[-12:])), {"accountEnabled": False})


def delete(cloud: Emulator) -> None:
    """She is deleted."""
    cloud.tenants[0].directory.delete_user(contoso_id("u", int(nadia(cloud)[-12:])))


def await_synced(service: Service, name: str) -> None:
    """Waits for the first run, which the schedule starts as well."""
    deadline = time.monotonic() + 20
    request = {"name": name}
    response = GetConnectionResponse()
    while not service.call("ConnectionService/GetConnection", request, response).connection.HasField("snapshot"):
        assert time.monotonic() < deadline, "no first sync"
        time.sleep(0.2)


@pytest.mark.parametrize(
    ("revoke", "reasons"),
    [
        (take_out_of_nested_group, {"NOT_GROUP_MEMBER"}),
        (disable, {"USER_DISABLED"}),
        (delete, {"USER_NOT_FOUND"}),
    ],
)
def test_who_is_revoked_in_entra_is_denied_an_interval_and_five_seconds_later(
    cloud: Emulator, service: Service, revoke: Callable[[Emulator], None], reasons: set[str]
) -> None:
    """Through gRPC, with nobody asking for a sync: the schedule finds it by itself."""
    name = connect(service, connect_request(cloud, "contoso")).name
    await_synced(service, name)
    user = f"{name}/users/{NADIA}"
    assert evaluate(service, user, ENGINEERING).decision == access_service_pb2.DECISION_ALLOW
    revoke(cloud)
    deadline = time.monotonic() + LATEST
    answer = evaluate(service, user, ENGINEERING)
    while answer.decision != access_service_pb2.DECISION_DENY:
        assert time.monotonic() < deadline, "still let in"
        time.sleep(0.2)
        answer = evaluate(service, user, ENGINEERING)
    assert set(reason_names(answer)) & reasons
