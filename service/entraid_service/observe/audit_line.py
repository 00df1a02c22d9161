"""What a line of the audit log says.

A line is put together from pieces that are JSON already: what is the same for all decisions of a caller, for all that
are taken from one snapshot, for all of one condition with the same reasons, and for all of one batch, is encoded once
for all of them.

A line names the user by object id. Whoever was asked for and not found is named by a digest: the log must not become a
list of addresses that the tenant does not have.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec

from entraid_service.model.decision import Decision, Reason
from entraid_service.model.ids import fold_name
from entraid_service.model.snapshot import SnapshotVersion

_MOST_KEPT: Final = 4096

_json: Final = msgspec.json.Encoder().encode


class Asker:
    """Who asked: the peer's address as gRPC writes it, and the name in its certificate if it showed one.

    `members` is what a line says of him.
    """

    __slots__ = ("members",)

    def __init__(self, peer: str, identity: str = "") -> None:
        self.members: Final = _members({"peer": peer} | ({"client": identity} if identity else {}))


class Source:
    """The snapshot that decisions are taken from, with its token; `whose` and `which` is what a line says of it."""

    __slots__ = ("sync_time", "which", "whose")

    def __init__(self, version: SnapshotVersion, token: str) -> None:
        self.whose: Final = _members({"connection": version.connection_id, "tenant": version.tenant_id})
        self.which: Final = _members({"snapshot": token, "revision": version.revision})
        self.sync_time: Final = version.sync_time


class Record(msgspec.Struct, frozen=True, gc=False):
    """One decision.

    `asked` is the user's name as the caller gave it, `condition` the digest of what had to hold.
    """

    decision_id: str
    time: datetime
    asker: Asker
    asked: str
    condition: str
    decision: Decision
    source: Source


class LineWriter:
    """Writes lines. Not for several threads at once."""

    def __init__(self) -> None:
        # By identity, as comparing reasons costs more than writing them; they are kept, so their id stays theirs.
        self._outcomes: dict[tuple[int, str, bool], tuple[tuple[Reason, ...], bytes]] = {}
        # What the decisions of one batch have in common.
        self._common: tuple[datetime, Asker, Source] | None = None
        self._start = self._who = self._end = b""

    def line(self, record: Record) -> bytes:
        """The line of a decision."""
        decision, common = record.decision, self._common
        if (
            common is None
            or common[0] is not record.time
            or common[1] is not record.asker
            or common[2] is not record.source
        ):
            self._turn_to(record.time, record.asker, record.source)
        outcome = self._outcomes.get((id(decision.reasons), record.condition, decision.is_allowed))
        return b"".join(
            (
                self._start,
                _json(record.decision_id),
                self._who,
                b'"user":%b' % _json(decision.user_id) if decision.user_id else _stranger(record.asked),
                self._outcome(decision, record.condition) if outcome is None else outcome[1],
                self._end,
            )
        )

    def _turn_to(self, time: datetime, asker: Asker, source: Source) -> None:
        self._common = time, asker, source
        self._start = b'{"time":%b,"decision_id":' % _json(time)
        self._who = b",%b,%b," % (asker.members, source.whose)
        self._end = b'%b,"age_seconds":%.3f}\n' % (source.which, (time - source.sync_time).total_seconds())

    def _outcome(self, decision: Decision, condition: str) -> bytes:
        reasons = decision.reasons
        codes = _json(list(dict.fromkeys(reason.code.name for reason in reasons)))
        name = b"ALLOW" if decision.is_allowed else b"DENY"
        made = b',"condition":%b,"outcome":"%b","reasons":%b,' % (_json(condition), name, codes)
        if len(self._outcomes) >= _MOST_KEPT:
            self._outcomes.clear()
        self._outcomes[id(reasons), condition, decision.is_allowed] = (reasons, made)
        return made


def line_of_lost(count: int) -> bytes:
    """A line that tells how many records are missing."""
    return b"{%b}\n" % _members({"time": datetime.now(UTC), "lost_records": count})


def digest(data: bytes) -> str:
    """`sha256:` and the digest in hexadecimal digits."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _stranger(asked: str) -> bytes:
    return _members({"user_digest": digest(fold_name(asked).encode())})


def _members(values: Mapping[str, object]) -> bytes:
    """What is between the braces of a JSON object."""
    return _json(values)[1:-1]
