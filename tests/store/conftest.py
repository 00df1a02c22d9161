"""The store under test: the contract suite asks for `store` only, so that another engine joins by one more factory."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from entraid_service.store import SqliteStore
from store.contract import Factory, Store


def open_sqlite(folder: Path) -> AbstractAsyncContextManager[Store]:
    """A store in a SQLite file."""
    return SqliteStore.open(folder / "store.db")


@pytest.fixture(params=[open_sqlite], ids=["sqlite"])
def open_store(request: pytest.FixtureRequest) -> Factory:
    """Opens the store of a folder: the same folder again is the same data."""
    factory: Factory = request.param
    return factory


@pytest.fixture
async def store(open_store: Factory, tmp_path: Path) -> AsyncIterator[Store]:
    """An empty store."""
    async with open_store(tmp_path) as opened:
        yield opened
