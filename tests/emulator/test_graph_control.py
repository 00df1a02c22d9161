"""The control interface: changing a running emulator over HTTP and from the command line, for holders of its token."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner

from emulator.wire import TIMEOUT, Document, Wire
from entraid_emulator.cli import emulator as command

ADA = "aaaaaaaa-0000-4000-8000-000000000001"
PRIMARY = "On-Call Primary"


def control(wire: Wire, method: str, path: str, body: object = None, *, token: str | None = None) -> requests.Response:
    """Ask the control interface."""
    headers = {"Authorization": f"Bearer {token or wire.emulator.control_token.reveal()}"}
    url = f"{wire.emulator.url}/_emulator/v1{path}"
    return wire.session.request(method, url, json=body, headers=headers, timeout=TIMEOUT)


def changed(wire: Wire, name: str, *arguments: str) -> Document:
    """Make a change that must succeed."""
    answer = control(wire, "POST", "/changes", {"change": name, "arguments": arguments})
    assert answer.status_code == 200, answer.text
    document: Document = answer.json()
    return document


def user(wire: Wire, key: str) -> Document:
    """A user as Graph prints it."""
    return wire.body(f"/users/{key}?$select=id,displayName,accountEnabled,department,userPrincipalName&$expand=manager")


def test_people_change_and_the_next_read_shows_it(own_wire: Wire) -> None:
    """Disable, rename, attributes, manager, delete, restore, create: by id or user principal name."""
    upn = user(own_wire, ADA)["userPrincipalName"]
    assert changed(own_wire, "disable-user", upn)["object"] == ADA
    assert user(own_wire, ADA)["accountEnabled"] is False
    changed(own_wire, "enable-user", ADA)
    changed(own_wire, "rename-user", ADA, "Ada the First")
    changed(own_wire, "set-attribute", ADA, "department", "Board")
    shown = user(own_wire, ADA)
    assert (shown["accountEnabled"], shown["displayName"], shown["department"]) == (True, "Ada the First", "Board")
    changed(own_wire, "set-attribute", ADA, "department", "null")
    changed(own_wire, "create-user", "new.one@contoso.example", "New One")
    changed(own_wire, "set-manager", ADA, "new.one@contoso.example")
    assert user(own_wire, ADA)["department"] is None
    assert user(own_wire, ADA)["manager"]["displayName"] == "New One"
    changed(own_wire, "set-manager", ADA, "none")
    changed(own_wire, "delete-user", ADA)
    assert own_wire.get(f"/users/{ADA}").status_code == 404
    changed(own_wire, "restore-user", upn)
    assert "manager" not in user(own_wire, ADA)
    changed(own_wire, "purge-user", "new.one@contoso.example")
    assert own_wire.get("/users/new.one@contoso.example").status_code == 404


def test_groups_change_too(own_wire: Wire) -> None:
    """Members by any name, groups by display name where it is theirs alone."""
    group = changed(own_wire, "create-group", "Night Watch")["object"]
    changed(own_wire, "add-member", "Night Watch", ADA)
    changed(own_wire, "add-member", "Night Watch", PRIMARY)
    assert len(own_wire.whole(f"/groups/{group}/members")) == 2
    before = changed(own_wire, "remove-member", group, ADA)["version"]
    assert changed(own_wire, "rename-group", "Night Watch", "Day Watch")["version"] == before + 1
    changed(own_wire, "set-group-attribute", "Day Watch", "description", "by day")
    assert own_wire.body(f"/groups/{group}")["description"] == "by day"
    changed(own_wire, "delete-group", "Day Watch")
    assert own_wire.get(f"/groups/{group}").status_code == 404
    changed(own_wire, "delete-group", "Project Galata")
    changed(own_wire, "restore-group", "Project Galata")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"change": "explode", "arguments": []}, "no change `explode`"),
        ({"change": "disable-user", "arguments": []}, "takes 1 arguments: USER"),
        ({"change": "disable-user", "arguments": ["nobody"]}, "no user `nobody`"),
        ({"change": "disable-user", "arguments": "x"}, "list of texts"),
        ({"change": "delete-group", "arguments": ["Approvers"]}, "no single group `Approvers`"),
        ({"change": "remove-member", "arguments": ["Empty Shell", ADA]}, "is no member"),
        ({"change": "restore-user", "arguments": [ADA]}, "no single deleted object"),
        ({"change": "create-user", "arguments": ["x", "y"]}, "no user principal name"),
        ({"change": "disable-user", "arguments": [ADA], "tenant": "nowhere"}, "no tenant `nowhere`"),
        ([], "JSON object"),
    ],
)
def test_what_makes_no_sense_is_said(own_wire: Wire, body: object, says: str) -> None:
    """With 400 and words that help; nothing changes."""
    version = own_wire.emulator.tenants[0].directory.changes.version
    answer = control(own_wire, "POST", "/changes", body)
    assert answer.status_code == 400
    assert says in answer.json()["error"]
    assert own_wire.emulator.tenants[0].directory.changes.version == version


def test_nobody_without_the_token_changes_anything(own_wire: Wire) -> None:
    """Neither a Graph token nor a guess opens it, and the token is in no `repr`."""
    for token in ("guess", own_wire.token()):
        assert control(own_wire, "GET", "/tenants", token=token).status_code == 401
    assert own_wire.session.get(f"{own_wire.emulator.url}/_emulator/v1/tenants", timeout=TIMEOUT).status_code == 401
    assert repr(own_wire.emulator.control_token) == "***"


def test_faults_clock_and_journal_from_outside(own_wire: Wire) -> None:
    """Faults as documents, known troubles by name; the control interface itself neither fails nor is written down."""
    faults = [
        {"path": "/organization", "status": 503, "headers": {"Retry-After": "7"}, "times": 1, "delay_ms": 5},
        {"trouble": "no-value", "path": "/groups"},
        {"storm": 1.0, "path": "/users", "any_of": [{"status": 500}]},
    ]
    assert control(own_wire, "POST", "/faults", faults).json() == {"faults": 3}
    assert own_wire.get("/organization").headers["Retry-After"] == "7"
    assert "value" not in own_wire.body("/groups")
    assert own_wire.get("/users").status_code == 500
    assert control(own_wire, "DELETE", "/faults").json() == {"faults": 0}
    assert own_wire.get("/users").status_code == 200
    token = own_wire.token()
    assert control(own_wire, "POST", "/clock", {"advance_seconds": 7200}).status_code == 200
    assert own_wire.get("/users", token=token).status_code == 401
    served = control(own_wire, "GET", "/requests?matching=^/v1.0/users").json()["requests"]
    assert [one["status"] for one in served] == [500, 200, 401]
    assert not own_wire.emulator.requests.matching("_emulator")
    (tenant,) = control(own_wire, "GET", "/tenants").json()["tenants"]
    assert (tenant["users"], tenant["groups"]) == (40, 22)
    assert {"change": "disable-user", "takes": ["user"]}.items() <= control(own_wire, "GET", "/changes").json()[
        "changes"
    ][0].items()


@pytest.mark.parametrize(
    "document",
    [
        {"status": "503"},
        {"colour": 1},
        {"trouble": "plague"},
        {"storm": 7},
        {"rewrite": {"x": 1}},
        {"delay_ms": "1"},
        "x",
        {"times": True},
    ],
)
def test_bad_faults_are_refused(own_wire: Wire, document: object) -> None:
    """And none of them is in force afterwards."""
    assert control(own_wire, "POST", "/faults", [document]).status_code == 400
    assert len(own_wire.emulator.faults) == 0


def test_bad_times_and_patterns_are_refused(own_wire: Wire) -> None:
    """Time does not go back, and a pattern has to be one."""
    assert control(own_wire, "POST", "/clock", {"advance_seconds": -1}).status_code == 400
    assert control(own_wire, "GET", "/requests?matching=(").status_code == 400


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The ready file of an emulator that runs as a command."""
    ready = tmp_path_factory.mktemp("running") / "ready.json"
    command_line = [
        sys.executable,
        "-m",
        "entraid_emulator",
        "--ready-file",
        str(ready),
        "--ca-file",
        str(ready.parent / "ca.pem"),
    ]
    with subprocess.Popen(command_line, stdout=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 20
            while not ready.exists():
                assert time.monotonic() < deadline
                assert process.poll() is None
                time.sleep(0.05)
            yield ready
        finally:
            process.terminate()
            process.wait(10)


def test_a_person_changes_it_from_the_command_line(running: Path) -> None:
    """Disable, faults, clock, journal; refusals are words and a failure; the emulator itself still starts as ever."""
    runner = CliRunner()

    def run(*arguments: str) -> str:
        result = runner.invoke(command, arguments)
        assert result.exit_code == 0, result.output
        return result.output

    ready = str(running)
    assert json.loads(running.read_bytes())["control_token"]
    assert re.search(rf"disable-user: {ADA} \(version \d+\)", run("change", "--ready-file", ready, "disable-user", ADA))
    run("change", "--ready-file", ready, "--tenant", "contoso.example", "add-member", "Empty Shell", ADA)
    assert "1 faults" in run("change", "--ready-file", ready, "add-fault", "html", "--path", "/users")
    assert "2 faults" in run("change", "--ready-file", ready, "add-fault", "storm", "--chance", "0.5")
    assert "no faults" in run("change", "--ready-file", ready, "clear-faults")
    assert "now 20" in run("change", "--ready-file", ready, "advance-clock", "60")
    assert run("requests", "--ready-file", ready) == ""
    refused = runner.invoke(command, ["change", "--ready-file", ready, "disable-user", "nobody"])
    assert refused.exit_code == 1
    assert "no user `nobody`" in refused.output
    assert runner.invoke(command, ["change", "--ready-file", str(Path(__file__)), "clear-faults"]).exit_code == 1
    assert "disable-user" in run("change", "--help")


@pytest.mark.parametrize("change", ["delete-user", "add-fault", "clear-faults"])
def test_help_with_a_change_needs_no_emulator(change: str) -> None:
    """Who asks for help may have none yet; the change itself says what is missing."""
    runner = CliRunner()
    for given in ([], ["--ready-file", "nowhere.json"]):
        helped = runner.invoke(command, ["change", *given, change, "--help"])
        assert helped.exit_code == 0, helped.output
        assert f"change {change}" in helped.output
    arguments = {"delete-user": [ADA], "add-fault": ["html"], "clear-faults": []}[change]
    refused = runner.invoke(command, ["change", change, *arguments])
    assert refused.exit_code == 2
    assert "--ready-file" in refused.output
    lost = runner.invoke(command, ["change", "--ready-file", "nowhere.json", change, *arguments])
    assert lost.exit_code == 1
    assert "`nowhere.json` is no ready file" in lost.output


def test_a_stopped_emulator_is_told_of(tmp_path: Path, contoso_wire: Wire) -> None:
    """The command says that nobody answers."""
    ready = tmp_path / "ready.json"
    facts = {"url": "https://localhost:9", "control_token": "x", "ca_file": str(contoso_wire.emulator.ca_file)}
    ready.write_text(json.dumps(facts))
    result = CliRunner().invoke(command, ["change", "--ready-file", str(ready), "clear-faults"])
    assert result.exit_code == 1
    assert "does not answer" in result.output
