"""Nothing of the login side runs on the event loop, and whoever waits for Entra holds up nobody.

Wall clocks tell nothing on a loaded machine. So it is looked at which thread each blocking call runs on, how much
processor time each turn of the loop takes, and whether the loop went on turning meanwhile.
"""

import asyncio
import gc
import threading
import time
from asyncio.events import Handle
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msal
import pytest
import requests
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from entraid_service.model.connection import Certificate, ClientSecret, Credential
from entraid_service.model.secret import Secret
from entraid_service.oauth.credentials import opened
from graph.cloud import CLIENT, TENANT, ScriptedCloud

ENTRA_TAKES = 3.0
LONGEST_TURN = 0.05
FEWEST_TURNS = 50
CALLERS = 50
BLOCKING: tuple[tuple[Any, str], ...] = (
    (requests.Session, "send"),
    (msal.ConfidentialClientApplication, "__init__"),
    (msal.ConfidentialClientApplication, "acquire_token_for_client"),
    (time, "sleep"),
)


@dataclass(slots=True)
class Watched:
    """What was seen: who called what, and the processor time of the longest turn of the loop, in seconds."""

    calls: list[tuple[str, int]] = field(default_factory=list)
    longest_turn: float = 0.0


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    """Looks at blocking calls and at the loop's turns, garbage collection apart."""
    seen = Watched()
    for owner, name in BLOCKING:
        monkeypatch.setattr(owner, name, noting(getattr(owner, name), name, seen))
    run = Handle._run
    loop_thread = threading.get_ident()

    def timed(handle: Handle) -> None:
        start = time.thread_time()
        try:
            run(handle)
        finally:
            if threading.get_ident() == loop_thread:
                seen.longest_turn = max(seen.longest_turn, time.thread_time() - start)

    gc.collect()
    gc.disable()  # a collection of what all tests before have left is none of ours
    monkeypatch.setattr(Handle, "_run", timed)
    yield seen
    gc.enable()


def noting(call: Callable[..., object], name: str, seen: Watched) -> Callable[..., object]:
    """The call, and a note of the thread that it runs on."""

    def noted(*arguments: object, **named: object) -> object:
        seen.calls.append((name, threading.get_ident()))
        return call(*arguments, **named)

    return noted


def certificate() -> Certificate:
    """A certificate with its key."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "app")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 7, now, now + timedelta(days=1))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pem += made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    return Certificate(Secret(pem.decode()))


async def test_a_certificate_is_opened_off_the_loop(cloud: ScriptedCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords of PFX files and checks of keys take their time, and others are answered meanwhile."""
    seen = Watched()
    monkeypatch.setattr("entraid_service.oauth.tokens.opened", noting(opened, "opened", seen))
    credential = certificate()
    assert await cloud.authority().plain(credential) == credential
    assert [name for name, thread in seen.calls if thread != threading.get_ident()] == ["opened"]


@pytest.mark.parametrize("place", ["openid-configuration", r"/token$"])
@pytest.mark.parametrize("kind", ["secret", "certificate"])
async def test_the_event_loop_turns_while_entra_takes_three_seconds(
    cloud: ScriptedCloud, watched: Watched, kind: str, place: str
) -> None:
    """Fifty callers without a token cause one request, off the loop; no turn of it works longer than 50 ms."""

    async def slow(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(ENTRA_TAKES)
        token = {"access_token": "late", "expires_in": 3599, "token_type": "Bearer"}
        return web.json_response(token if "token" in place else cloud.configuration())

    cloud.on(place, slow)
    credential: Credential = ClientSecret(Secret("x")) if kind == "secret" else certificate()
    await asyncio.sleep(0)  # ends the turn in which the key was made
    watched.longest_turn = 0.0
    authority = cloud.authority()
    checked = await authority.plain(credential)
    source = authority.token_source(tenant=TENANT, client_id=CLIENT, credential=checked)
    asking = asyncio.gather(*(source.token() for _ in range(CALLERS)))
    turns = 0
    while not asking.done():
        await asyncio.sleep(0.005)
        turns += 1
    tokens = await asking
    assert len({token.secret.reveal() for token in tokens}) == 1
    assert sum(target.endswith("/token") for target in cloud.asked) == 1
    assert {name for name, _ in watched.calls} >= {"send", "__init__", "acquire_token_for_client"}
    assert threading.get_ident() not in {thread for _, thread in watched.calls}
    assert turns > FEWEST_TURNS
    assert watched.longest_turn < LONGEST_TURN
