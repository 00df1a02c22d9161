"""The other side of the sync benchmark: an emulator as a process of its own, and what plain clients read from it."""

import json
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

_START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class CloudFacts:
    """Where the emulator is and how to get in, as its ready file tells it."""

    facts: Mapping[str, str]
    folder: Path

    def __getitem__(self, name: str) -> str:
        return self.facts[name]

    @property
    def settings(self) -> dict[str, str]:
        """The settings that point a service here."""
        return {
            "ENTRAID_CLOUD": "custom",
            "ENTRAID_AUTHORITY_URL": self["authority_url"],
            "ENTRAID_GRAPH_URL": self["graph_url"],
            "ENTRAID_CA_BUNDLE": self["ca_file"],
        }

    def session(self) -> aiohttp.ClientSession:
        """A plain client that trusts the emulator."""
        context = ssl.create_default_context(cafile=self["ca_file"])
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context))

    async def token(self, session: aiohttp.ClientSession) -> str:
        """An app's token for Graph."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self["client_id"],
            "client_secret": self["client_secret"],
            "scope": "https://graph.microsoft.com/.default",
        }
        url = f"{self['authority_url']}/{self['tenant_id']}/oauth2/v2.0/token"
        async with session.post(url, data=form) as response:
            return str((await response.json())["access_token"])

    async def change(self, session: aiohttp.ClientSession, name: str, *arguments: str) -> None:
        """Changes the tenant by the control interface."""
        headers = {"Authorization": f"Bearer {self['control_token']}"}
        body = {"change": name, "arguments": list(arguments)}
        async with session.post(f"{self['url']}/_emulator/v1/changes", json=body, headers=headers) as response:
            if response.status != 200:
                raise RuntimeError(f"the emulator refused `{name}`: {await response.text()}")


@contextmanager
def emulated(folder: Path, *, users: int, groups: int, latency: int = 0) -> Iterator[CloudFacts]:
    """A generated tenant, served by a process of its own until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    ready = folder / "ready.json"
    line = [str(Path(sys.executable).with_name("entraid")), "emulator", "--seed", "7", "--ready-file", str(ready)]
    line += ["--users", str(users), "--groups", str(groups), "--latency", str(latency)]
    line += ["--ca-file", str(folder / "ca.pem")]
    with (folder / "emulator.log").open("wb") as log:
        process = subprocess.Popen(line, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the emulator did not start; see {folder / 'emulator.log'}")
            time.sleep(0.05)
        yield CloudFacts(json.loads(ready.read_text(encoding="utf-8")), folder)
    finally:
        process.terminate()
        process.wait(10)
