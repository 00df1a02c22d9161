"""What the load sends and how what comes back is read: bodies for our three methods, or any that lie in a file."""

import struct
from collections.abc import Iterable
from pathlib import Path

from bench import tenant
from bench.cerbos import messages
from entraid.v1 import access_service_pb2 as pb

_HEAD = 5
_BATCH = 500


def made(method: str, count: int, *, seed: int, cold: bool) -> list[bytes]:
    """Bodies about `count` questions for a method of ours; `cold` ones are about users not asked about before."""
    if cold:
        return [framed(request.SerializeToString()) for request in tenant.cold_requests(count, seed=seed)]
    asked = tenant.requests(count, seed=seed)
    if method == "StreamEvaluateAccess":
        marked = (
            pb.StreamEvaluateAccessRequest(correlation_id=str(number), request=request)
            for number, request in enumerate(asked)
        )
        return [framed(message.SerializeToString()) for message in marked]
    if method == "BatchEvaluateAccess":
        batches = (asked[start : start + _BATCH] for start in range(0, len(asked), _BATCH))
        return [framed(pb.BatchEvaluateAccessRequest(requests=batch).SerializeToString()) for batch in batches]
    return [framed(request.SerializeToString()) for request in asked]


def keep(path: Path, sent: Iterable[bytes]) -> Path:
    """Writes messages to a file, each with gRPC's head, from which its length is known."""
    path.write_bytes(b"".join(framed(message) for message in sent))
    return path


def kept(path: Path) -> list[bytes]:
    """The bodies in such a file."""
    data = path.read_bytes()
    found = []
    place = 0
    while place < len(data):
        end = place + _HEAD + int(struct.unpack_from(">I", data, place + 1)[0])
        found.append(data[place:end])
        place = end
    return found


def framed(message: bytes) -> bytes:
    """A message as gRPC sends it."""
    return struct.pack(">BI", 0, len(message)) + message


def decisions(method: str, batch: int) -> int:
    """How many decisions one answer holds, if a batch has `batch`."""
    return batch if method in ("BatchEvaluateAccess", messages.METHOD) else 1


def allows(method: str, answer: bytes, *, expected: int) -> list[bool]:
    """For each decision of an answer whether it allows.

    Raises:
        ValueError: There are others than `expected` decisions.
    """
    found = _allows(method, answer)
    if len(found) != expected:
        raise ValueError(f"an answer had {len(found)} decisions where {expected} were asked for")
    return found


def _allows(method: str, answer: bytes) -> list[bool]:
    if method == messages.METHOD:
        return messages.allows(answer)
    if method == "BatchEvaluateAccess":
        results = pb.BatchEvaluateAccessResponse.FromString(answer).results
        return [result.response.decision == pb.DECISION_ALLOW for result in results if result.HasField("response")]
    if method == "StreamEvaluateAccess":
        return [pb.StreamEvaluateAccessResponse.FromString(answer).response.decision == pb.DECISION_ALLOW]
    return [pb.EvaluateAccessResponse.FromString(answer).decision == pb.DECISION_ALLOW]
