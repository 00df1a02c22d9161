"""The command line's login options: a multi-tenant app, administrators and managed identity in the ready file."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import requests

from emulator.browser import Browser
from emulator.connecting import ADA, DAAN, REDIRECT
from emulator.wire import TIMEOUT
from entraid_emulator import CONTOSO_TENANT_ID


def test_a_script_connects_by_the_ready_file(tmp_path: Path) -> None:
    """What it names is enough for consent, for a token of the multi-tenant app, and for the managed identity."""
    ready = tmp_path / "ready.json"
    options = ["--redirect-uri", REDIRECT, "--managed-identity-port", "0", "--ready-file", str(ready)]
    with subprocess.Popen([sys.executable, "-m", "entraid_emulator", *options], stdout=subprocess.PIPE) as process:
        try:
            facts = _facts(ready, process)
            assert facts["administrators"] == {CONTOSO_TENANT_ID: [ADA, DAAN]}
            with requests.Session() as session:
                session.trust_env = False
                session.verify = facts["ca_file"]
                _consent(facts, session)
                _identity(facts, session)
        finally:
            process.send_signal(signal.SIGTERM)
    assert process.returncode == 0


def _consent(facts: dict[str, Any], session: requests.Session) -> None:
    asked = {
        "client_id": facts["multi_tenant_client_id"],
        "redirect_uri": facts["redirect_uris"][0],
        "scope": "https://graph.microsoft.com/.default",
        "state": "s-1",
    }
    url = f"{facts['authority_url']}/organizations/v2.0/adminconsent?{urlencode(asked)}"
    assert Browser(session).visit(url, ADA).sent["tenant"] == CONTOSO_TENANT_ID
    form = {
        "grant_type": "client_credentials",
        "client_id": facts["multi_tenant_client_id"],
        "client_secret": facts["multi_tenant_client_secret"],
        "scope": "https://graph.microsoft.com/.default",
    }
    token = f"{facts['authority_url']}/{CONTOSO_TENANT_ID}/oauth2/v2.0/token"
    assert "access_token" in session.post(token, data=form, timeout=TIMEOUT).json()


def _identity(facts: dict[str, Any], session: requests.Session) -> None:
    answer = session.get(
        f"{facts['managed_identity_url']}/msi/token",
        params={"api-version": "2019-08-01", "resource": "https://graph.microsoft.com"},
        headers={"X-IDENTITY-HEADER": facts["managed_identity_header"]},
        timeout=TIMEOUT,
    )
    assert answer.json()["client_id"] == facts["managed_identity_client_id"]


def _facts(ready: Path, process: "subprocess.Popen[bytes]") -> dict[str, Any]:
    deadline = time.monotonic() + 20
    while not ready.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    facts: dict[str, Any] = json.loads(ready.read_text())
    return facts
