"""Running it: TLS that strict clients accept, scripted faults, the journal, the command line, a clean stop."""

import json
import re
import signal
import ssl
import stat
import subprocess
import sys
import time
import urllib.request
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner

from emulator.wire import Document, Wire
from entraid_emulator import Emulator, Fault, contoso, generated, in_background
from entraid_emulator.cli import emulator as command


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_strict_clients_accept_the_certificate(contoso_wire: Wire, host: str) -> None:
    """With `VERIFY_X509_STRICT`, by name and by address, and only with the CA."""
    url = contoso_wire.emulator.url.replace("localhost", host) + "/common/v2.0/.well-known/openid-configuration"
    context = ssl.create_default_context(cafile=str(contoso_wire.emulator.ca_file))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    with opener.open(url, timeout=10) as answer:
        assert json.load(answer)["token_endpoint"].startswith(f"https://{host}:")
    with requests.Session() as stranger:
        stranger.trust_env = False
        with pytest.raises(requests.exceptions.SSLError):
            stranger.get(url, timeout=10)


def test_a_scripted_fault_hits_what_it_names_and_no_more(own_wire: Wire) -> None:
    """After two, twice, on one path; status, headers and body as scripted; then all is well."""
    fault = Fault(path=r"^/v1\.0/users\?", method="GET", after=1, times=2, status=503, headers={"Retry-After": "7"})
    own_wire.emulator.faults.add(fault)
    assert own_wire.get("/groups").status_code == 200
    answers = [own_wire.get("/users?$top=1") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 503, 503, 200]
    assert answers[1].headers["Retry-After"] == "7"
    assert answers[1].json()["error"]["code"] == "ServiceNotAvailable"
    assert [one.status for one in own_wire.emulator.requests.matching(r"/users")] == [200, 503, 503, 200]


def test_faults_hit_the_login_side_too(own_wire: Wire) -> None:
    """A token endpoint that is down, for as long as the script says."""
    own_wire.emulator.faults.add(Fault(path="/oauth2/v2.0/token", times=None, status=500, body="<html>down</html>"))
    assert own_wire.token_answer().status_code == 500
    assert own_wire.token_answer().text == "<html>down</html>"
    own_wire.emulator.faults.clear()
    assert own_wire.token_answer().status_code == 200


def test_a_fault_may_answer_anything(own_wire: Wire) -> None:
    """A page without `value`, truncated JSON with 200, the usual body of a status."""
    token = own_wire.token()
    own_wire.emulator.faults.add(
        Fault(path="/users", status=200, body={"@odata.context": "x"}),
        Fault(path="/users", status=200, body='{"value": [{"id"'),
        Fault(path="/users", status=429, headers={"Retry-After": "2.128"}),
    )
    assert own_wire.get("/users", token=token).json() == {"@odata.context": "x"}
    with pytest.raises(requests.exceptions.JSONDecodeError):
        own_wire.get("/users", token=token).json()
    assert own_wire.get("/users", token=token).json()["error"]["code"] == "TooManyRequests"


def test_a_dropped_and_a_cut_connection_break_the_client(own_wire: Wire) -> None:
    """No answer at all, and half a body under a whole answer's head; the journal knows of both."""
    token = own_wire.token()
    own_wire.emulator.faults.add(Fault(path="/users", drop=True), Fault(path="/groups", cut=40))
    with pytest.raises(requests.exceptions.ConnectionError):
        own_wire.get("/users", token=token)
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)):
        own_wire.get("/groups", token=token)
    assert [str(one) for one in own_wire.emulator.requests.matching("/v1.0")] == [
        "GET /v1.0/users 0",
        "GET /v1.0/groups 200",
    ]
    assert own_wire.get("/users", token=token).status_code == 200


def test_latency_and_delay_take_their_time(own_wire: Wire) -> None:
    """Latency for every request, delay for the faulty one, which is then served."""
    token = own_wire.token()
    own_wire.emulator.latency = timedelta(milliseconds=100)
    own_wire.emulator.faults.add(Fault(path="/users", delay=timedelta(milliseconds=200)))
    began = time.monotonic()
    assert own_wire.get("/users", token=token).status_code == 200
    assert time.monotonic() - began >= 0.3


def test_a_taken_port_is_an_error_and_leaves_nothing_behind(contoso_wire: Wire) -> None:
    """Starting there fails at once with the system's error."""
    port = int(contoso_wire.emulator.url.rpartition(":")[2])
    with pytest.raises(OSError, match="address"), in_background(Emulator([contoso()], port=port)):
        pass


def test_tenants_of_one_name_are_refused() -> None:
    """Two tenants cannot share an id or a domain, and there must be one."""
    with pytest.raises(ValueError, match=r"contoso\.example"):
        Emulator([contoso(), contoso()])
    with pytest.raises(ValueError, match="at least one"):
        Emulator([])


async def test_it_runs_in_the_callers_loop(tmp_path: Path) -> None:
    """As an asynchronous context, with its CA where it was told to put it."""
    async with Emulator([generated(users=3, groups=1)], ca_file=tmp_path / "ca.pem") as emulator:
        assert re.fullmatch(r"https://localhost:\d+", emulator.url)
        assert emulator.graph_url == emulator.url + "/v1.0"
        assert (tmp_path / "ca.pem").read_text().startswith("-----BEGIN CERTIFICATE-----")


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_the_command_serves_and_stops_cleanly(tmp_path: Path, stop: signal.Signals) -> None:
    """The ready file appears whole and private, what it names works, a signal ends it with 0 and removes the file."""
    ready = tmp_path / "ready.json"
    arguments = ["--tenant", "contoso", "--users", "20", "--groups", "2", "--seed", "7", "--ready-file", str(ready)]
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "entraid_emulator", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            facts = _facts(ready, process)
            assert stat.S_IMODE(ready.stat().st_mode) == 0o600
            with requests.Session() as session:
                session.trust_env = False
                session.verify = facts["ca_file"]
                form = {
                    "grant_type": "client_credentials",
                    "client_id": facts["client_id"],
                    "client_secret": facts["client_secret"],
                    "scope": "https://graph.microsoft.com/.default",
                }
                url = f"{facts['authority_url']}/{facts['tenant_id']}/oauth2/v2.0/token"
                token = session.post(url, data=form, timeout=10).json()["access_token"]
                users = session.get(
                    f"{facts['graph_url']}/users", headers={"Authorization": f"Bearer {token}"}, timeout=10
                )
                assert len(users.json()["value"]) == 40
        finally:
            process.send_signal(stop)
            out, err = process.communicate(timeout=15)
    assert (process.returncode, err) == (0, b"")
    assert f"ENTRAID_AUTHORITY_URL={facts['authority_url']}" in out.decode()
    assert len(facts["tenant_ids"]) == 2
    assert not ready.exists()


def _facts(ready: Path, process: "subprocess.Popen[bytes]") -> Document:
    deadline = time.monotonic() + 20
    while not ready.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    facts: Document = json.loads(ready.read_text())
    return facts


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--directory", "broken.json"], "no JSON"),
        (["--users", "99999999"], "must be between"),
        (["--ca-file", "missing/ca.pem"], "cannot start"),
        (["--tenant", "fabrikam"], "contoso"),
    ],
)
def test_the_command_says_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    """No traceback: one line with the cause, exit code not 0."""
    monkeypatch.chdir(tmp_path)
    Path("broken.json").write_text("{")
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code != 0
    assert words in result.output
    assert "Traceback" not in result.output
