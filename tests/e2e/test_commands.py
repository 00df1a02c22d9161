from pathlib import Path

from e2e.harness import Service, entraid, pointed_at
from entraid_emulator import Emulator

KEY = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA="


def test_check_prints_every_setting_and_masks_secrets(tmp_path: Path) -> None:
    """What is in effect is told, where it comes from a file too; secrets are three stars."""
    (tmp_path / "entraid.toml").write_text('grpc_address = "127.0.0.1:7443"\n', encoding="utf-8")
    settings = {"ENTRAID_ENCRYPTION_KEY": KEY, "ENTRAID_PROXY": "http://user:hunter2@proxy.example:3128"}
    ended = entraid("check", "--config", "entraid.toml", environment=settings, folder=tmp_path)
    assert ended.code == 0, ended.err
    assert "ENTRAID_GRPC_ADDRESS=127.0.0.1:7443" in ended.out
    assert "ENTRAID_ENCRYPTION_KEY=***" in ended.out
    assert "ENTRAID_PROXY=***" in ended.out
    for secret in (KEY, "hunter2", "proxy.example"):
        assert secret not in ended.out + ended.err


def test_check_names_every_mistake_at_once(tmp_path: Path) -> None:
    """Three mistakes, three sentences that name the variable; exit code 2."""
    settings = {
        "ENTRAID_GRPC_ADDRESS": "50051",
        "ENTRAID_LOG_LEVEL": "loud",
        "ENTRAID_CLOUD": "custom",
        "ENTRAID_AUTHORITY_URL": "http://localhost",
        "ENTRAID_GRAPH_URL": "https://localhost",
    }
    ended = entraid("check", environment=settings, folder=tmp_path)
    assert ended.code == 2
    for word in ("`ENTRAID_GRPC_ADDRESS` is `50051`", "`ENTRAID_LOG_LEVEL` is `loud`", "`ENTRAID_AUTHORITY_URL`"):
        assert word in ended.err
    assert len(ended.err.splitlines()) == 3


def test_check_warns_of_a_variable_that_does_nothing(tmp_path: Path) -> None:
    """A misspelt variable is no mistake that stops the service, and it does not go unnoticed."""
    ended = entraid("check", environment={"ENTRAID_LOGLEVEL": "debug"}, folder=tmp_path)
    assert ended.code == 0
    assert "warning: `ENTRAID_LOGLEVEL`" in ended.err


def test_serve_refuses_settings_that_check_refuses(tmp_path: Path) -> None:
    """It does not start on half of its settings."""
    ended = entraid("serve", environment={"ENTRAID_TLS_CERT_FILE": "cert.pem"}, folder=tmp_path)
    assert ended.code == 2
    assert "`ENTRAID_TLS_CERT_FILE` and `ENTRAID_TLS_KEY_FILE` are needed together" in ended.err
    assert not list(tmp_path.iterdir())


def test_serve_says_that_its_port_is_taken(service: Service, tmp_path: Path) -> None:
    """A second service on the same address ends with the address in its message, and without a traceback."""
    ended = entraid(
        "serve", "--grpc-address", service.target, "--http-address", "127.0.0.1:0", environment={}, folder=tmp_path
    )
    assert ended.code == 1
    assert service.target in ended.err
    assert "Traceback" not in ended.err


def test_serve_refuses_a_key_that_is_none(tmp_path: Path) -> None:
    """A key of the wrong length is told with the way to make one, and is not printed."""
    ended = entraid("serve", environment={"ENTRAID_ENCRYPTION_KEY": "c2hvcnQ="}, folder=tmp_path)
    assert ended.code != 0
    assert "openssl rand -base64 32" in ended.err
    assert "c2hvcnQ=" not in ended.err
    assert "Traceback" not in ended.err


def test_health_is_good_while_calls_are_taken(service: Service) -> None:
    """Exit code 0, for container health checks."""
    asked = entraid("health", "--http-address", service.http_address, environment={}, folder=service.folder)
    assert (asked.code, asked.out) == (0, "ready\n")


def test_migrate_makes_a_database_that_serve_takes(emulator: Emulator, tmp_path: Path) -> None:
    """The schema's version is told, and a second time nothing happens."""
    first = entraid("migrate", environment=pointed_at(emulator), folder=tmp_path)
    second = entraid("migrate", environment=pointed_at(emulator), folder=tmp_path)
    assert first.code == second.code == 0, first.err
    assert "schema version" in first.out
    assert first.out == second.out
