"""The connections to one database file: one that writes, some that read, and the write-ahead log between them.

A write takes the lock, begins at once (`BEGIN IMMEDIATE`, so that it never fails for a lock half way) and ends wholly
or not at all, also when its task is cancelled. A read sees one moment. What is written and read is the business of
others.

Every statement runs in the thread of its connection, in the order in which they were sent: a rollback that is sent by
a cancelled task is therefore done before the next write begins, whoever waits for it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple, Self

import aiosqlite

from entraid_service.errors import StoreUnavailable
from entraid_service.store.faults import translated
from entraid_service.store.files import log_of, read_only_uri
from entraid_service.store.migrate import migrate

_READERS = 2
_WAIT_SECONDS = 30.0
_BUSY_MILLISECONDS = 5_000
# 32 MiB: the pages that one batch of a full sync touches. Readers page through in order and need little.
_WRITER_CACHE_KIB = 32 * 1024
_READER_CACHE_KIB = 4 * 1024
# Checkpoints of 16 MiB: each page is copied once per checkpoint, and a full sync touches the same pages often.
_CHECKPOINT_PAGES = 4_096
_LOG_BYTES = 64 * 1024 * 1024
_PATIENCE = 8
_PATIENCE_SECONDS = 0.25


class _LogState(NamedTuple):
    """What tells whether the write-ahead log was written to."""

    size: int
    written: int


_NO_LOG = _LogState(0, 0)


class Database:
    """One database file. `renew_views` is called on the event loop when the write-ahead log is to be emptied."""

    def __init__(self, path: Path, *, writer: aiosqlite.Connection, readers: list[aiosqlite.Connection]) -> None:
        self._path = path
        self.renew_views: Callable[[], None] | None = None
        self._writer = writer
        self._lock = asyncio.Lock()
        self._idle: asyncio.LifoQueue[aiosqlite.Connection] = asyncio.LifoQueue()
        for reader in readers:
            self._idle.put_nowait(reader)
        self._is_durable = True
        self._log_limit = _LOG_BYTES
        self._log_seen = _NO_LOG

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path) -> AsyncIterator[Self]:
        """The database with its schema up to date, until the block ends.

        Raises:
            StoreUnavailable: it cannot be opened, is damaged, or is newer than this code.
        """
        await migrate(path)
        async with AsyncExitStack() as stack:
            with translated():
                writer = await stack.enter_async_context(aiosqlite.connect(path, isolation_level=None))
                await _prepare_writer(writer)
                uri = read_only_uri(path)
                readers = [
                    await stack.enter_async_context(aiosqlite.connect(uri, uri=True, isolation_level=None))
                    for _ in range(_READERS)
                ]
                for reader in readers:
                    await _prepare(reader, cache_kib=_READER_CACHE_KIB)
            yield cls(path, writer=writer, readers=readers)

    @asynccontextmanager
    async def transaction(self, *, durable: bool = True, is_kept: bool = True) -> AsyncIterator[aiosqlite.Connection]:
        """A write transaction: committed at the end of the block, rolled back if the block raises or is cancelled.

        One that is not kept is always rolled back, to see what it would do.

        With `durable` it outlives a power cut; without, it may be lost to one, never torn: right for data that a
        crash drops anyway. A durable commit makes all before it durable, for they share one log.

        Raises:
            StoreUnavailable: the database cannot be written, or others kept it too long.
        """
        await self._acquire()
        try:
            with translated():
                await self._set_durable(durable)
                try:
                    await self._writer.execute("BEGIN IMMEDIATE")
                    yield self._writer
                    await (self._writer.commit() if is_kept else self._writer.rollback())
                except BaseException:
                    await self._writer.rollback()
                    raise
        finally:
            self._lock.release()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[aiosqlite.Connection]:
        """A read transaction: all statements in it see the same moment. Cancelled, it interrupts its statement.

        Raises:
            StoreUnavailable: the database cannot be read, or other reads took too long.
        """
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                reader = await self._idle.get()
        except TimeoutError as error:
            raise _too_busy("read") from error
        try:
            with translated():
                try:
                    await reader.execute("BEGIN")
                    yield reader
                except asyncio.CancelledError:
                    await reader.interrupt()
                    raise
                finally:
                    await reader.rollback()
        finally:
            self._idle.put_nowait(reader)

    async def checkpoint(self) -> bool:
        """Moves the write-ahead log into the database and empties it; tells whether that worked.

        It does not while somebody reads from the log; then it stays as it is until the next time.
        """
        await self._acquire()
        try:
            with translated():
                # Views that may move on are moved to the end of the log, so that all of it can be copied, and then
                # to the database, so that nobody needs the log any more.
                self._renew_views()
                await self._writer.execute_fetchall("PRAGMA wal_checkpoint(PASSIVE)")
                self._renew_views()
                is_empty = await self._truncate_log()
        finally:
            self._lock.release()
        self._log_limit = _LOG_BYTES if is_empty else self._log_bytes() + _LOG_BYTES
        return is_empty

    async def bound_log(self) -> None:
        """Empties the write-ahead log if it has grown large: what holds it back is views, and these can be renewed.

        Those of other processes are, by their `tend`; so it is tried for two seconds.
        """
        for _ in range(_PATIENCE if self._log_bytes() > self._log_limit else 0):
            if await self.checkpoint():
                return
            await asyncio.sleep(_PATIENCE_SECONDS)

    async def tend(self) -> None:
        """Does this process's part to keep the log small; to be called about once a second.

        The views of each process hold the log, and no process can renew those of another. So each renews its own while
        the log is large, and empties the log when nobody writes. The second is also what lets nothing that was deleted
        stay in it.

        Raises:
            StoreUnavailable: the database cannot be read or written.
        """
        before, self._log_seen = self._log_seen, self._log_state()
        if self._log_seen == before and self._log_seen.size:
            await self.checkpoint()
        elif self._log_seen.size > _LOG_BYTES // 2:
            with translated():
                self._renew_views()

    def _renew_views(self) -> None:
        if self.renew_views is not None:
            self.renew_views()

    async def _truncate_log(self) -> bool:
        # Who reads at this moment is not waited for: that would keep the writer.
        await self._writer.execute_fetchall("PRAGMA busy_timeout = 0")
        try:
            rows = list(await self._writer.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)"))
        finally:
            await self._writer.execute_fetchall(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")
        return bool(rows[0][0] == 0)

    def _log_bytes(self) -> int:
        return self._log_state().size

    def _log_state(self) -> "_LogState":
        try:
            found = log_of(self._path).stat()
        except FileNotFoundError:
            return _NO_LOG
        return _LogState(found.st_size, found.st_mtime_ns)

    async def _acquire(self) -> None:
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                await self._lock.acquire()
        except TimeoutError as error:
            raise _too_busy("written") from error

    async def _set_durable(self, durable: bool) -> None:
        if durable != self._is_durable:
            # https://www.sqlite.org/pragma.html#pragma_synchronous: in WAL mode FULL syncs the log at each commit,
            # NORMAL at checkpoints only; neither can damage the file.
            await self._writer.execute_fetchall(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._is_durable = durable


def _too_busy(what: str) -> StoreUnavailable:
    return StoreUnavailable(
        f"the database could not be {what} within {_WAIT_SECONDS:g} s: other work keeps it; try again in some seconds"
    )


async def _prepare(db: aiosqlite.Connection, *, cache_kib: int) -> None:
    # Sorting in memory and not in temporary files: the service runs on a read-only root. What is sorted is bounded.
    await db.execute_fetchall("PRAGMA temp_store = MEMORY")
    await db.execute_fetchall(f"PRAGMA cache_size = -{cache_kib}")
    await db.execute_fetchall(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")
    await db.execute_fetchall("PRAGMA mmap_size = 0")


async def _prepare_writer(db: aiosqlite.Connection) -> None:
    await _prepare(db, cache_kib=_WRITER_CACHE_KIB)
    await db.execute_fetchall("PRAGMA synchronous = FULL")
    await db.execute_fetchall("PRAGMA foreign_keys = ON")
    # Deleted rows are overwritten: after Disconnect neither credential nor people may be left in the file.
    await db.execute_fetchall("PRAGMA secure_delete = ON")
    await db.execute_fetchall(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    await db.execute_fetchall(f"PRAGMA journal_size_limit = {_LOG_BYTES}")
