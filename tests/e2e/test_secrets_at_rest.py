import json
import stat
from collections.abc import Callable
from pathlib import Path

from e2e.conftest import CANARY
from e2e.harness import Service, connect, connect_request, list_users, pointed_at, start_sync, sync
from entraid_emulator import Emulator

KEY = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA="


def test_without_a_key_it_makes_one_for_its_owner_only_and_warns(
    emulator: Emulator, start: Callable[[dict[str, str]], Service]
) -> None:
    """The key file lies beside the database, mode 0600 as the database, and the log says what to do instead."""
    service = start(pointed_at(emulator))
    key = service.folder / "entraid.key"
    assert mode(key) == mode(service.folder / "entraid.db") == 0o600
    warnings = [line for line in lines(service) if line["level"] == "warning"]
    assert [line["event"] for line in warnings] == ["encryption_key_made"]
    assert "ENTRAID_ENCRYPTION_KEY_FILE" in warnings[0]["advice"]
    assert key.read_text(encoding="ascii").strip() not in service.log()


def test_with_a_key_it_makes_no_file_and_warns_of_nothing(
    emulator: Emulator, start: Callable[[dict[str, str]], Service]
) -> None:
    """The key of the settings seals; nothing about it is on disk or in the log."""
    service = start({**pointed_at(emulator), "ENTRAID_ENCRYPTION_KEY": KEY})
    connect(service, connect_request(emulator, "contoso"))
    assert not (service.folder / "entraid.key").exists()
    assert not [line for line in lines(service) if line["level"] != "info"]
    assert KEY.encode() not in everything_in(service.folder)


def test_the_secret_is_nowhere_in_clear_and_gone_after_disconnect(
    emulator: Emulator, start: Callable[[dict[str, str]], Service]
) -> None:
    """No file of the service ever holds the secret in clear; Disconnect takes every trace of tenant and people away."""
    service = start(pointed_at(emulator))
    name = connect(service, connect_request(emulator, "contoso")).name
    sync(service, name)
    assert list_users(service, name).users
    files = everything_in(service.folder)
    assert CANARY.encode() not in files
    assert b"nadia.rahman" in files

    service.call_ok("ConnectionService/Disconnect", {"name": name})

    assert service.refused("DirectoryService/ListUsers", {"parent": name}).reason == "RESOURCE_NOT_FOUND"
    databases = b"".join(path.read_bytes() for path in service.folder.glob("entraid.db*"))
    for word in (CANARY.encode(), b"nadia.rahman", b"Engineering", emulator.app.client_id.encode()):
        assert word not in databases


def test_disconnect_stops_the_run_that_is_under_way(
    quick: Emulator, start: Callable[[dict[str, str]], Service]
) -> None:
    """A sync that goes on reading does not bring the data back."""
    service = start(pointed_at(quick))
    name = connect(service, connect_request(quick, "contoso")).name
    sync(service, name)
    run = start_sync(service, name)
    service.call_ok("ConnectionService/Disconnect", {"name": name})
    assert service.refused("SyncService/GetSyncRun", {"name": run.name}).reason == "RESOURCE_NOT_FOUND"
    assert service.refused("DirectoryService/ListUsers", {"parent": name}).reason == "RESOURCE_NOT_FOUND"
    assert connect(service, connect_request(quick, "contoso")).name == name
    assert not connect(service, connect_request(quick, "contoso")).snapshot.token


def test_no_log_line_of_a_whole_life_holds_the_secret(service: Service, emulator: Emulator, connection: str) -> None:
    """Connect, sync, refusals and all: neither the secret nor a token nor a person's name is in the log."""
    service.refused("ConnectionService/Connect", connect_request(emulator, "x", secret=CANARY, tenant="nobody.example"))
    assert connection.removeprefix("connections/") in service.log()
    for word in (CANARY, "eyJ", "Bearer", "nadia.rahman"):
        assert word not in service.log()


def lines(service: Service) -> list[dict[str, str]]:
    """The log, line by line: each is a JSON object."""
    return [json.loads(line) for line in service.log().splitlines()]


def everything_in(folder: Path) -> bytes:
    """All bytes of all files but the key."""
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.suffix != ".key")


def mode(path: Path) -> int:
    """The permissions of a file."""
    return stat.S_IMODE(path.stat().st_mode)
