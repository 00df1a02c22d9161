"""`entraidctl` on a terminal: the live bar, the hidden prompt, Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import grpc

from client.command_line import PROGRAM, TIMEOUT_SECONDS, clean_environment
from client.scripted_service import Broken, Refusal, Script, Silence
from entraid.v1 import connection_service_pb2
from entraid.v1.sync_service_pb2 import SyncResponse, SyncRun, WatchSyncRunResponse

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator

SECRET = "canary-77aa-secret"
RUN = "connections/contoso/syncRuns/r1"


@dataclass(slots=True)
class Terminal:
    """A process on a pseudo-terminal: what it shows, and a keyboard."""

    process: Process
    _master: int
    _shown: bytearray = field(default_factory=bytearray)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def type(self, text: str) -> None:
        """Types a text."""
        os.write(self._master, text.encode())

    def receive(self) -> None:
        """Takes what the process has written; called by the loop."""
        try:
            self._shown += os.read(self._master, 65536)
        except OSError:  # Linux reports the other end's close as EIO
            asyncio.get_running_loop().remove_reader(self._master)
        self._news.set()

    async def shows(self, text: str) -> str:
        """Waits until a text stands there, and returns all of it."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while text not in self._shown.decode(errors="replace"):
                await self._news.wait()
                self._news.clear()
        return self._shown.decode(errors="replace")

    async def ends(self) -> int:
        """Waits for the end of the process."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await self.process.wait()


@asynccontextmanager
async def on_terminal(*arguments: str) -> AsyncIterator[Terminal]:
    """Runs `entraidctl` with a terminal as input and output."""
    master, slave = pty.openpty()
    env = {**clean_environment(), "TERM": "xterm-256color", "COLUMNS": "120"}
    process = await asyncio.create_subprocess_exec(
        PROGRAM, *arguments, stdin=slave, stdout=slave, stderr=slave, env=env, start_new_session=True
    )
    os.close(slave)
    terminal = Terminal(process, master)
    asyncio.get_running_loop().add_reader(master, terminal.receive)
    try:
        yield terminal
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        asyncio.get_running_loop().remove_reader(master)
        os.close(master)


def moving(users: int, state: SyncRun.State.ValueType = SyncRun.STATE_RUNNING) -> WatchSyncRunResponse:
    """A run that has read that many users."""
    progress = SyncRun.Progress(users=users, phase=SyncRun.PHASE_USERS)
    return WatchSyncRunResponse(sync_run=SyncRun(name=RUN, state=state, progress=progress))


async def test_a_sync_shows_moving_counters_and_then_its_result(script: Script) -> None:
    """On a terminal `sync` stays by itself until the end."""
    script.answer("Sync", SyncResponse(sync_run=SyncRun(name=RUN, state=SyncRun.STATE_PENDING)))
    steps = (moving(1200), moving(2400), moving(3600, SyncRun.STATE_SUCCEEDED))
    script.answer("WatchSyncRun", Broken(steps, pause_seconds=0.4))
    async with on_terminal("--target", script.target, "sync", "contoso") as terminal:
        shown = await terminal.shows("sync succeeded")
        assert await terminal.ends() == 0
    assert "1,200 users" in shown
    assert "2,400 users" in shown
    assert "reading users" in shown


async def test_ctrl_c_leaves_the_run_alone(script: Script) -> None:
    """The watch ends with 130 and says that the service goes on; nothing is cancelled there."""
    script.answer("Sync", SyncResponse(sync_run=SyncRun(name=RUN, state=SyncRun.STATE_RUNNING)))
    script.answer("WatchSyncRun", Silence())
    async with on_terminal("--target", script.target, "sync", "contoso") as terminal:
        await terminal.shows("running")
        terminal.process.send_signal(signal.SIGINT)
        await terminal.shows("goes on doing")
        assert await terminal.ends() == 130
    assert "Traceback" not in await terminal.shows("interrupted")
    assert "CancelSyncRun" not in {call.rpc for call in script.calls}


async def test_a_secret_that_is_typed_is_not_shown(script: Script) -> None:
    """The prompt hides it, and what is sent is what was typed."""
    script.answer("Connect", Refusal(grpc.StatusCode.FAILED_PRECONDITION, "rejected"))
    arguments = ("connect", "contoso", "--tenant", "t", "--client-id", "app", "--target", script.target)
    async with on_terminal(*arguments) as terminal:
        await terminal.shows("Client secret")
        await asyncio.sleep(0.2)  # the prompt is printed a moment before the terminal stops echoing
        terminal.type(f"{SECRET}\n")
        shown = await terminal.shows("error: ")
        assert await terminal.ends() == 2
    assert SECRET not in shown
    (request,) = script.requests("Connect")
    assert isinstance(request, connection_service_pb2.ConnectRequest)
    assert request.app_credentials.client_secret == SECRET
