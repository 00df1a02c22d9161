import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from entraid_service.errors import ResourceNotFound
from entraid_service.model.consent import Consent, ConsentStep
from entraid_service.model.ids import ConnectionId, TenantId
from entraid_service.ports import SealedCredential, SealedValue
from entraid_service.store import SqliteStore
from store.tenants import NOW, connection

SECRET = b"sealed-canary-0123456789"


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """A store with one connection."""
    async with SqliteStore.open(tmp_path / "store.db") as opened:
        await opened.connections.create(connection(), SealedCredential("client_secret", SECRET))
        yield opened


def consent(name: str = "one", **changes: bytes) -> Consent:
    """A consent of `contoso`."""
    return Consent(
        id=name,
        connection_id=ConnectionId("contoso"),
        connection_uid="uid-contoso",
        expire_time=NOW + timedelta(minutes=10),
        link_digest=changes.get("link", b"link-" + name.encode()),
        state_digest=changes.get("state", b""),
        sealed=b"sealed-" + name.encode(),
    )


async def test_a_consent_is_found_by_id_link_and_state(sqlite: SqliteStore) -> None:
    """As it was put, with all that a later step sets."""
    full = replace(
        consent(state=b"awaited"),
        step=ConsentStep.CONSENTING,
        named_tenant=TenantId("n"),
        proven_tenant=TenantId("p"),
        redirect_uri="https://caller.example/",
        browser_digest=b"\x00\xff",
        groups_to_sync=("a", "b"),
    )
    await sqlite.consents.put(full, now=NOW)
    found = [
        await sqlite.consents.get("one"),
        await sqlite.consents.by_link(b"link-one"),
        await sqlite.consents.by_state(b"awaited"),
    ]
    assert found == [full] * 3
    assert await sqlite.consents.by_state(b"") is None
    assert await sqlite.consents.by_link(b"other") is None


async def test_of_many_that_take_the_same_step_one_does(sqlite: SqliteStore) -> None:
    """Whatever the number of requests that come together."""
    await sqlite.consents.put(consent(), now=NOW)
    step = replace(consent(), version=2, state_digest=b"s")
    taken = await asyncio.gather(*(sqlite.consents.advance(step, expected_version=1) for _ in range(20)))
    assert taken.count(True) == 1
    assert not await sqlite.consents.advance(replace(step, id="gone"), expected_version=2)


async def test_a_new_consent_ends_those_before_and_what_has_expired(sqlite: SqliteStore) -> None:
    """Of the same connection at once, of others in their time."""
    await sqlite.connections.create(connection("other"), None)
    others = replace(consent("others"), connection_id=ConnectionId("other"))
    await sqlite.consents.put(others, now=NOW)
    await sqlite.consents.put(consent(), now=NOW)
    await sqlite.consents.put(consent("two"), now=NOW)
    assert await sqlite.consents.get("one") is None
    assert await sqlite.consents.get("others") == others
    await sqlite.consents.put(consent("three"), now=others.expire_time)
    assert await sqlite.consents.get("others") is None


async def test_a_consent_needs_its_connection_and_goes_with_it(sqlite: SqliteStore) -> None:
    """Nothing of it is left."""
    with pytest.raises(ResourceNotFound):
        await sqlite.consents.put(replace(consent(), connection_id=ConnectionId("nobody")), now=NOW)
    await sqlite.consents.put(consent(), now=NOW)
    await sqlite.connections.delete(ConnectionId("contoso"))
    assert await sqlite.consents.get("one") is None
    assert await sqlite.consents.sealed_values() == []


async def test_sealed_values_are_replaced_where_they_are_as_they_were_read(sqlite: SqliteStore, tmp_path: Path) -> None:
    """What changed meanwhile is left and counted; the old bytes are in no file any more."""
    await sqlite.consents.put(consent(), now=NOW)
    values = await sqlite.consents.sealed_values()
    assert {(value.field, value.owner, value.sealed) for value in values} == {
        ("credential", "uid-contoso", SECRET),
        ("consent", "one", b"sealed-one"),
    }
    stale = SealedValue("consent", "one", b"as it was before")
    credential = next(value for value in values if value.field == "credential")
    assert await sqlite.consents.replace_sealed([(credential, b"new"), (stale, b"lost")]) == 1
    assert {value.sealed for value in await sqlite.consents.sealed_values()} == {b"new", b"sealed-one"}
    assert SECRET not in everything_in(tmp_path)


def everything_in(folder: Path) -> bytes:
    """All bytes of all files."""
    return b"".join(path.read_bytes() for path in folder.iterdir())
