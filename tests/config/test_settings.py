"""Settings: where they come from, what is refused, what is shown."""

import os
from pathlib import Path

import pytest

from entraid_service.config import SettingsError, describe, load, unknown_variables

OWN = "7d3b9f04-1c86-4e57-b2a9-90e4c8f5a671"
CUSTOM = {
    "ENTRAID_CLOUD": "custom",
    "ENTRAID_AUTHORITY_URL": "https://localhost:8443",
    "ENTRAID_GRAPH_URL": "https://localhost:8443",
}


def test_nothing_set_is_a_sound_configuration_for_the_public_cloud() -> None:
    """The defaults alone start a service that calls Microsoft's public cloud."""
    cloud = load({}).endpoints()
    assert cloud.authority_url == "https://login.microsoftonline.com"
    assert cloud.graph_url == "https://graph.microsoft.com/v1.0"
    assert cloud.scope == "https://graph.microsoft.com/.default"


def test_flags_go_over_environment_over_file(tmp_path: Path) -> None:
    """Each source overrides the one below it, setting by setting."""
    file = tmp_path / "entraid.toml"
    file.write_text('log_level = "debug"\nlog_format = "console"\ngrpc_address = "127.0.0.1:1"\n', encoding="utf-8")
    environment = {"ENTRAID_CONFIG": str(file), "ENTRAID_LOG_FORMAT": "json", "ENTRAID_GRPC_ADDRESS": "127.0.0.1:2"}
    settings = load(environment, flags={"grpc_address": "127.0.0.1:3"})
    assert (settings.log_level, settings.log_format, settings.grpc_address) == ("debug", "json", "127.0.0.1:3")


def test_workers_have_processors_of_their_own_on_linux_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere no process can be kept to one."""
    monkeypatch.delattr(os, "sched_setaffinity", raising=False)
    with pytest.raises(SettingsError, match="can be `own` on Linux only"):
        load({"ENTRAID_WORKER_PROCESSORS": "own"})


@pytest.mark.parametrize(
    ("graph_url", "expected"),
    [
        ("https://localhost:8443", "https://localhost:8443/v1.0"),
        ("https://localhost:8443/", "https://localhost:8443/v1.0"),
        ("https://localhost:8443/v1.0", "https://localhost:8443/v1.0"),
        ("https://proxy.example/graph/v1.0/", "https://proxy.example/graph/v1.0"),
    ],
)
def test_a_custom_graph_url_gets_the_version_if_it_has_no_path(graph_url: str, expected: str) -> None:
    """An address alone is enough; a path is taken as it is."""
    assert load({**CUSTOM, "ENTRAID_GRAPH_URL": graph_url}).endpoints().graph_url == expected


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"ENTRAID_CLOUD": "moon"}, "`ENTRAID_CLOUD` is `moon`"),
        ({"ENTRAID_CLOUD": "custom"}, "`ENTRAID_AUTHORITY_URL` has to be an `https://` URL"),
        ({**CUSTOM, "ENTRAID_GRAPH_URL": "http://localhost"}, "`ENTRAID_GRAPH_URL` has to be an `https://` URL"),
        ({"ENTRAID_GRAPH_URL": "https://localhost"}, "only count with `ENTRAID_CLOUD=custom`"),
        ({"ENTRAID_GRPC_ADDRESS": "50051"}, "not `host:port`"),
        ({"ENTRAID_GRPC_ADDRESS": "localhost:65536"}, "not `host:port`"),
        ({"ENTRAID_GRAPH_CONCURRENCY": "0"}, "not a whole number from 1 to 64"),
        ({"ENTRAID_GRAPH_CONCURRENCY": "²"}, "not a whole number from 1 to 64"),
        ({"ENTRAID_LOG_LEVEL": "loud"}, "not one of debug, info, warning, error"),
        ({"ENTRAID_WORKER_PROCESSORS": "mine"}, "not one of shared, own"),
        ({"ENTRAID_WORKER_PROCESSORS": "own", "ENTRAID_WORKERS": "64"}, "lower `ENTRAID_WORKERS`, or remove it"),
        ({"ENTRAID_DATABASE_URL": "postgresql://db"}, "sqlite:///path/to/file.db"),
        ({"ENTRAID_TLS_CERT_FILE": "/nowhere.pem"}, "are needed together"),
        ({"ENTRAID_TLS_CLIENT_CA_FILE": "/nowhere.pem"}, "without TLS no client shows a certificate"),
        ({"ENTRAID_CLIENT_ID": OWN}, "nothing that proves that app"),
        ({"ENTRAID_CLIENT_SECRET": "x"}, "`ENTRAID_CLIENT_ID` is missing"),
        ({"ENTRAID_CLIENT_ID": "app", "ENTRAID_CLIENT_SECRET": "x"}, "not an application (client) ID"),
        ({"ENTRAID_PUBLIC_URL": "http://entraid.example"}, "`http://` is for localhost only"),
        ({"ENTRAID_PUBLIC_URL": "https://entraid.example/path"}, "nothing behind"),
        ({"ENTRAID_CONSENT_REDIRECT_URIS": "https://a.example/*"}, "a fragment or a wildcard"),
        ({"ENTRAID_CONSENT_REDIRECT_URIS": "javascript:alert(1)"}, "not an `https://` URL"),
        ({"ENTRAID_MANAGED_IDENTITY": "mine"}, "neither `system` nor a client ID"),
        ({"ENTRAID_MANAGED_IDENTITY": "system", "ENTRAID_FEDERATED_TOKEN_FILE": "/t"}, "exclude each other"),
        ({"ENTRAID_CA_BUNDLE": "/nowhere.pem"}, "names `/nowhere.pem`, which cannot be read"),
        ({"ENTRAID_USER_ATTRIBUTES": "displayName"}, "lacks userPrincipalName, mail, accountEnabled, userType"),
        (
            {"ENTRAID_USER_ATTRIBUTES": "displayName,cost center,a/b"},
            "has `cost center`, `a/b`, no name of an attribute",
        ),
        ({"ENTRAID_ENCRYPTION_KEY_FILE": "/nowhere.key"}, "`ENTRAID_ENCRYPTION_KEY_FILE` names cannot be read"),
        ({"ENTRAID_CONFIG": "/nowhere.toml"}, "`/nowhere.toml` cannot be read"),
    ],
)
def test_a_wrong_setting_is_named_with_what_it_should_be(environment: dict[str, str], told: str) -> None:
    """Every mistake has its own sentence."""
    with pytest.raises(SettingsError) as refused:
        load(environment)
    assert told in str(refused.value)


def test_every_mistake_is_told_at_once() -> None:
    """Nobody has to start the service five times to learn of five mistakes."""
    with pytest.raises(SettingsError) as refused:
        load({"ENTRAID_CLOUD": "moon", "ENTRAID_LOG_LEVEL": "loud", "ENTRAID_GRPC_ADDRESS": "x"})
    assert len(refused.value.problems) == 3


def test_an_unknown_key_in_the_file_is_refused_and_in_the_environment_only_told(tmp_path: Path) -> None:
    """A file is ours alone; the environment is not: Kubernetes sets `ENTRAID_PORT` beside a service named entraid."""
    file = tmp_path / "entraid.toml"
    file.write_text("gprc_address = 'x'\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"`gprc_address` in .* is no setting"):
        load({}, file=str(file))
    environment = {"ENTRAID_PORT": "tcp://10.0.0.1:50051", "ENTRAID_LOG_LEVEL": "info", "ENTRAID_PROXY_FILE": "/p"}
    assert unknown_variables(environment) == ["ENTRAID_PORT"]


def test_the_target_of_entraidctl_may_stand_in_the_same_shell() -> None:
    """It is no mistake; a TLS variable of entraidctl may have been meant for the service, and is told."""
    assert unknown_variables({"ENTRAID_TARGET": "localhost:1", "ENTRAID_CERT_FILE": "c.pem"}) == ["ENTRAID_CERT_FILE"]


def test_secrets_come_from_files_and_are_never_shown(tmp_path: Path) -> None:
    """A secret's file is read without its line end; neither printing nor `entraid check` shows the value."""
    key = tmp_path / "key"
    key.write_text("canary-secret\n", encoding="utf-8")
    settings = load({"ENTRAID_ENCRYPTION_KEY_FILE": str(key), "ENTRAID_PROXY": "http://user:canary-secret@proxy:1"})
    assert settings.encryption_key.reveal() == "canary-secret"
    shown = dict(describe(settings))
    assert shown["ENTRAID_ENCRYPTION_KEY"] == shown["ENTRAID_PROXY"] == "***"
    assert "canary-secret" not in repr(settings) + str(settings) + str(shown)
