"""Fixtures of the client's tests: a scripted server, and a client of it that does not dawdle."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from client.scripted_service import Script, serving
from entraid_client import EntraidClient, RetryPolicy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def script() -> AsyncIterator[Script]:
    """What a server on a free port answers."""
    async with serving() as script:
        yield script


@pytest.fixture
async def client(script: Script) -> AsyncIterator[EntraidClient]:
    """A client of that server, with the usual attempts and short pauses."""
    retry = RetryPolicy(first_pause=timedelta(milliseconds=5), longest_pause=timedelta(milliseconds=20))
    async with EntraidClient(script.target, deadline=timedelta(seconds=5), retry=retry) as client:
        yield client
