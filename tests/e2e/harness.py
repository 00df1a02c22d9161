"""The service as its operators run it: a process, configured from outside, called with grpcurl.

Nothing of the service is imported here: what these tests see is what a stranger sees.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from google.protobuf import json_format
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from entraid.v1 import (
    access_service_pb2,
    connection_service_pb2,
    directory_service_pb2,
    sync_service_pb2,
)
from entraid_emulator import Emulator

GRPCURL = Path(sys.executable).with_name("grpcurl")
START_SECONDS = 50.0
CALL_SECONDS = 30.0
STOP_SECONDS = 10.0
"""A container is killed ten seconds after it was asked to stop."""

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error as a caller sees it."""

    status: status_pb2.Status
    text: str

    @property
    def reason(self) -> str:
        """The reason without its prefix, for example `CREDENTIALS_REJECTED`."""
        return self._info.reason.removeprefix("ERROR_REASON_")

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the error names."""
        return self._info.metadata

    @property
    def _info(self) -> error_details_pb2.ErrorInfo:
        info = error_details_pb2.ErrorInfo()
        for detail in self.status.details:
            if detail.Unpack(info):
                return info
        raise AssertionError(f"the error has no reason: {self.text}")


@dataclass(frozen=True, slots=True)
class Service:
    """A running `entraid serve`."""

    process: subprocess.Popen[bytes]
    folder: Path
    target: str
    http_address: str

    def log(self) -> str:
        """Everything that it has written, standard error included."""
        return (self.folder / "service.log").read_text(encoding="utf-8")

    def call(self, method: str, request: Mapping[str, object], answer: M) -> M:
        """Calls `Service/Method` with grpcurl and reads the answer."""
        return json_format.Parse(self.raw(method, request), answer)

    def raw(self, method: str, request: Mapping[str, object]) -> str:
        """What grpcurl prints."""
        return self.raw_of(f"entraid.v1.{method}", request)

    def raw_of(self, method: str, request: Mapping[str, object]) -> str:
        """The same of a method outside of `entraid.v1`, by its full name."""
        ended = grpcurl("-d", "@", self.target, method, stdin=json.dumps(request))
        assert ended.code == 0, ended.err
        return ended.out

    def call_ok(self, method: str, request: Mapping[str, object]) -> None:
        """Calls something whose answer holds nothing."""
        assert json.loads(self.raw(method, request)) == {}

    def refused(self, method: str, request: Mapping[str, object]) -> Refusal:
        """Calls, and reads the error that has to come."""
        ended = grpcurl("-format-error", "-d", "@", self.target, f"entraid.v1.{method}", stdin=json.dumps(request))
        assert ended.code != 0, ended.out
        return Refusal(json_format.Parse(ended.err, status_pb2.Status()), ended.err)

    def kill(self) -> None:
        """As the kernel does when memory is out: at once, without a word."""
        self.process.kill()
        self.process.wait(STOP_SECONDS)

    def stop(self) -> float:
        """Stops it as an operator does and tells how many seconds it took."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(STOP_SECONDS)
        return time.monotonic() - begun


def grpcurl(*arguments: str, stdin: str = "") -> Ended:
    """Runs the real grpcurl in clear text."""
    return command(str(GRPCURL), "-plaintext", *arguments, stdin=stdin)


def entraid(*arguments: str, environment: Mapping[str, str], folder: Path) -> Ended:
    """Runs `entraid` as a command."""
    program = str(Path(sys.executable).with_name("entraid"))
    return command(program, *arguments, environment=environment, folder=folder)


def entraidctl(service: Service, *arguments: str) -> Ended:
    """Runs `entraidctl` against the service."""
    program = str(Path(sys.executable).with_name("entraidctl"))
    return command(program, *arguments, environment={"ENTRAID_TARGET": service.target})


def command(
    *line: str, stdin: str = "", environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> Ended:
    """Runs any command without a terminal."""
    done = subprocess.run(  # the commands are ours
        line,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=CALL_SECONDS,
        check=False,
        cwd=folder,
        env={**clean_environment(), **(environment or {})},
    )
    return Ended(done.returncode, done.stdout, done.stderr)


@contextmanager
def serving(folder: Path, environment: Mapping[str, str]) -> Iterator[Service]:
    """`python -m entraid_service serve` in a folder, on free ports, until the context ends."""
    ready = folder / "ready.json"
    ready.unlink(missing_ok=True)  # of a process that was killed
    line = [sys.executable, "-m", "entraid_service", "serve", "--ready-file", str(ready)]
    line += ["--grpc-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0"]
    with (folder / "service.log").open("ab") as log:
        process = subprocess.Popen(line, stdout=log, stderr=log, cwd=folder, env={**clean_environment(), **environment})
    try:
        facts = _await_ready(process, ready)
        yield Service(process, folder, facts["grpc_address"], facts["http_address"])
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        ready.unlink(missing_ok=True)


def _await_ready(process: subprocess.Popen[bytes], ready: Path) -> dict[str, str]:
    deadline = time.monotonic() + START_SECONDS
    while not ready.exists():
        log = ready.with_name("service.log").read_text(encoding="utf-8")
        assert process.poll() is None, f"the service ended: {log}"
        assert time.monotonic() < deadline, f"the service did not start in time: {log}"
        time.sleep(0.02)
    facts: dict[str, str] = json.loads(ready.read_text(encoding="utf-8"))
    return facts


def clean_environment() -> dict[str, str]:
    """Our environment without anything that is meant for entraid."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ENTRAID")}


def pointed_at(emulator: Emulator) -> dict[str, str]:
    """The four settings that point a service at a cloud that nobody told it about; there is no other way to it."""
    return {
        "ENTRAID_CLOUD": "custom",
        "ENTRAID_AUTHORITY_URL": emulator.authority_url,
        "ENTRAID_GRAPH_URL": emulator.graph_url,
        "ENTRAID_CA_BUNDLE": str(emulator.ca_file),
    }


def connect_request(
    emulator: Emulator, connection_id: str, *, secret: str = "", tenant: str = "", groups_to_sync: Sequence[str] = ()
) -> dict[str, object]:
    """A `ConnectRequest` for the emulator's first tenant and its first app, as JSON."""
    return {
        "connection_id": connection_id,
        "tenant": tenant or emulator.tenants[0].tenant_id,
        "groups_to_sync": list(groups_to_sync),
        "app_credentials": {
            "client_id": emulator.app.client_id,
            "client_secret": secret or emulator.app.client_secret.reveal(),
        },
    }


def connect(service: Service, request: Mapping[str, object]) -> connection_service_pb2.Connection:
    """Connects a tenant."""
    response = connection_service_pb2.ConnectResponse()
    return service.call("ConnectionService/Connect", request, response).connection


def start_sync(service: Service, connection: str) -> sync_service_pb2.SyncRun:
    """Starts a sync of `connections/...`."""
    return service.call("SyncService/Sync", {"connection": connection}, sync_service_pb2.SyncResponse()).sync_run


def watch(service: Service, run: str) -> list[sync_service_pb2.SyncRun]:
    """Every step of a run, to its end."""
    return [
        json_format.ParseDict(step, sync_service_pb2.WatchSyncRunResponse()).sync_run
        for step in _documents(service.raw("SyncService/WatchSyncRun", {"name": run}))
    ]


def sync(service: Service, connection: str) -> sync_service_pb2.SyncRun:
    """Syncs `connections/...` to the end of the run, which has to succeed."""
    run = watch(service, start_sync(service, connection).name)[-1]
    assert run.state == sync_service_pb2.SyncRun.STATE_SUCCEEDED, run.error.message
    return run


def evaluate(service: Service, user: str, condition: Mapping[str, object]) -> access_service_pb2.EvaluateAccessResponse:
    """Decides for `connections/.../users/...`."""
    request = {"user": user, "condition": condition, "explain": True}
    return service.call("AccessService/EvaluateAccess", request, access_service_pb2.EvaluateAccessResponse())


def list_users(service: Service, connection: str, **more: object) -> directory_service_pb2.ListUsersResponse:
    """One page of users."""
    response = directory_service_pb2.ListUsersResponse()
    return service.call("DirectoryService/ListUsers", {"parent": connection, **more}, response)


def reason_names(response: access_service_pb2.EvaluateAccessResponse) -> list[str]:
    """The codes of a decision's reasons without their prefix."""
    names = access_service_pb2.ReasonCode.Name
    return [names(reason.code).removeprefix("REASON_CODE_") for reason in response.reasons]


def _documents(text: str) -> Iterator[dict[str, object]]:
    """The JSON documents that grpcurl prints one behind the other for a stream."""
    decoder = json.JSONDecoder()
    rest = text.strip()
    while rest:
        document, end = decoder.raw_decode(rest)
        yield document
        rest = rest[end:].lstrip()
