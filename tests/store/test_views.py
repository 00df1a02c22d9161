import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from entraid_service.errors import StoreUnavailable
from entraid_service.model.directory import MemberKind, User
from entraid_service.model.ids import ConnectionId, GroupId, UserId
from entraid_service.store.sqlite import SqliteStore
from store.contract import Factory, Store
from store.tenants import Known, Tenant, commit, connection, edge, group, guid, known, people, person

CONTOSO = ConnectionId("contoso")
FABRIKAM = ConnectionId("fabrikam")
TENANT = Tenant(
    [person(1, "ada", mail="Ada@Contoso.com", otherMails=["ada@home"], proxyAddresses=["SMTP:a@x", "x500:b"])],
    [group(8), group(9)],
    [edge(8, 1), edge(9, 8, MemberKind.GROUP), edge(9, 7, MemberKind.GROUP)],
)


@pytest.fixture(autouse=True)
async def connections(store: Store) -> None:
    """Two connections, of which one is synced."""
    await store.connections.create(connection("contoso"), None)
    await store.connections.create(connection("fabrikam"), None)
    await TENANT.sync(store, connection("contoso"))


async def test_a_view_reads_users_names_groups_and_nesting(store: Store) -> None:
    """Everything that a decision needs, each by its key, and nothing for what is not there."""
    view = store.views.open()
    version = view.version(CONTOSO)
    assert version is not None
    assert version == await store.lists.version(CONTOSO)
    assert view.version(FABRIKAM) is None
    assert known(view.user(version, UserId(guid(1)))) == Known(TENANT.users[0], frozenset({GroupId(guid(8))}))
    assert view.user(version, UserId(guid(2))) is None
    assert view.users_named(version, "ada@contoso.com") == [guid(1)]
    mailed = {mail: view.users_mailed(version, mail) for mail in ("ada@contoso.com", "ada@home", "a@x", "b", "")}
    assert [mail for mail, found in mailed.items() if found == [guid(1)]] == ["ada@contoso.com", "ada@home", "a@x"]
    assert sorted(found.id for found in view.groups(version)) == [guid(8), guid(9)]
    assert set(view.nesting(version)) == {(guid(9), guid(8)), (guid(9), guid(7))}
    view.close()


@pytest.mark.parametrize("count", [0, 1, 31, 32, 33, 100])
async def test_many_users_are_read_as_one_by_one(store: Store, count: int) -> None:
    """Each of those that there are, with his groups, however many are asked for."""
    many = people(*range(1, 151))
    edges = [edge(8 + number % 3, number) for number in range(1, 151, 2)]
    await Tenant(many, [group(8), group(9), group(10)], edges).sync(store, connection("fabrikam"))
    view = store.views.open()
    version = view.version(FABRIKAM)
    assert version is not None
    asked = [UserId(guid(number)) for number in range(150, 150 - count, -1)]
    asked += [UserId(guid(number)) for number in range(151, 160)] + [UserId("ada@contoso.com"), UserId("")]
    one_by_one = [known(found) for user_id in asked if (found := view.user(version, user_id))]
    assert len(one_by_one) == count
    together = [known(found) for found in view.users(version, asked)]
    assert sorted(together, key=repr) == sorted(one_by_one, key=repr)
    view.close()


async def test_two_users_of_one_name_are_both_found(store: Store) -> None:
    """An ambiguous name shows as such."""
    twins = Tenant([User(UserId(guid(n)), {"userPrincipalName": "t@x", "mail": "t@y"}) for n in range(1, 6)])
    await twins.sync(store, connection("fabrikam"))
    view = store.views.open()
    version = view.version(FABRIKAM)
    assert version is not None
    assert len(view.users_named(version, "t@x")) > 1
    assert len(view.users_mailed(version, "t@y")) > 1
    view.close()


async def test_a_view_stays_at_its_moment(store: Store) -> None:
    """Commits, clean-ups and a disconnection change nothing in a view that is open; the next view shows them."""
    view = store.views.open()
    version = view.version(CONTOSO)
    assert version is not None
    for number in range(2, 5):
        await Tenant(people(number)).sync(store, connection("contoso"))
    await store.connections.delete(CONTOSO)
    await store.directory.clean_up()
    assert view.version(CONTOSO) == version
    assert known(view.user(version, UserId(guid(1)))) == Known(TENANT.users[0], frozenset({GroupId(guid(8))}))
    assert len(list(view.groups(version))) == 2
    view.close()
    later = store.views.open()
    assert later.version(CONTOSO) is None
    assert later.user(version, UserId(guid(1))) is None
    later.close()


async def test_a_view_that_told_nothing_of_a_tenant_does_not_learn_of_it_later(store: Store) -> None:
    """Told that a connection has no data, a view keeps to that."""
    view = store.views.open()
    assert view.version(FABRIKAM) is None
    await Tenant(people(2)).sync(store, connection("fabrikam"))
    assert view.version(FABRIKAM) is None
    view.close()


async def test_a_view_is_read_in_another_thread_while_syncs_go_on(store: Store) -> None:
    """Walking all groups in a thread gives those of one moment."""
    many = Tenant([], [group(number) for number in range(100, 3000)])
    await many.sync(store, connection("fabrikam"))
    view = store.views.open()
    version = view.version(FABRIKAM)
    assert version is not None
    walk = asyncio.create_task(asyncio.to_thread(lambda: [found.id for found in view.groups(version)]))
    await Tenant([], [group(1)]).sync(store, connection("fabrikam"))
    assert len(await walk) == 2900
    view.close()


async def test_a_closed_view_answers_nothing(store: Store) -> None:
    """Reading it is an error, also in the middle of a walk, and never an empty answer; closing again is harmless."""
    view = store.views.open()
    version = view.version(CONTOSO)
    assert version is not None
    walk = view.groups(version)
    next(walk)
    view.close()
    view.close()
    with pytest.raises(StoreUnavailable):
        next(walk)
    for read in (
        lambda: view.version(CONTOSO),
        lambda: view.user(version, UserId(guid(1))),
        lambda: list(view.nesting(version)),
    ):
        with pytest.raises(StoreUnavailable):
            read()


async def test_a_view_after_an_unfinished_walk_is_of_its_own_moment(store: Store) -> None:
    """What one view left unfinished does not hold the next one back."""
    view = store.views.open()
    version = view.version(CONTOSO)
    assert version is not None
    walk = view.groups(version)
    next(walk)
    view.close()
    newer = await Tenant(people(2)).sync(store, connection("contoso"))
    later = store.views.open()
    assert later.version(CONTOSO) == newer
    later.close()


async def test_a_view_that_is_held_does_not_hold_the_log(
    open_store: Factory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another tenant syncs again and again, the write-ahead log stays small, and the held view right."""
    monkeypatch.setattr("entraid_service.store.staging._USERS_PER_BATCH", 100)
    monkeypatch.setattr("entraid_service.store.database._LOG_BYTES", 1_000_000)
    async with open_store(tmp_path) as store:
        await _sync_another_tenant_under_a_view(store, tmp_path / "store.db-wal")


async def test_views_of_several_processes_do_not_hold_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No process can move another one's views on; each moves its own while the log is large or nobody writes."""
    monkeypatch.setattr("entraid_service.store.database._LOG_BYTES", 200_000)
    log = tmp_path / "store.db-wal"
    path = tmp_path / "store.db"
    async with SqliteStore.open(path) as first, SqliteStore.open(path) as second:
        await Tenant(people(2)).sync(first, connection("contoso"))
        views = [each.views.open() for each in (first, second)]
        versions = [view.version(CONTOSO) for view in views]
        tending = [asyncio.create_task(each.tend(timedelta(milliseconds=20))) for each in (first, second)]
        await Tenant(people(300)).sync(first, connection("fabrikam"))
        async with asyncio.timeout(20):
            while size(log):  # noqa: ASYNC110 - the file tells nobody
                await asyncio.sleep(0.02)
        assert [view.version(CONTOSO) for view in views] == versions
        for task in tending:
            task.cancel()
        for view in views:
            view.close()


def size(file: Path) -> int:
    """The bytes of a file."""
    return file.stat().st_size


async def _sync_another_tenant_under_a_view(store: Store, log: Path) -> None:
    view = store.views.open()
    version = view.version(CONTOSO)
    assert version is not None
    largest = 0
    other = connection("fabrikam")
    for _ in range(2):
        staging = await store.directory.begin(other)
        for first in range(0, 4000, 500):
            await staging.put_users([person(number, about="x" * 1000) for number in range(first, first + 500)])
            largest = max(largest, size(log))
            assert view.user(version, UserId(guid(1))) is not None
        await commit(store, staging, other.id)
        await store.directory.clean_up()
        assert size(log) == 0
    assert largest < 4_000_000, "as large as what one sync writes"
    assert view.version(CONTOSO) == version
    view.close()
