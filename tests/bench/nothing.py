"""The peer that our server is measured against: a gRPC server with a handler that does nothing.

The same generated messages are read and written, the answer is made once; no interceptors, no audit log. It is grpc.aio
as it comes, on asyncio's own loop; with `--like-ours` on our loop, and asking for many calls at a time, as our service
does. Given a port, it takes its share of the connections there, beside others of its kind.
"""

import argparse
import asyncio
from datetime import UTC, datetime
from pathlib import Path

import grpc

from entraid.v1 import access_service_pb2 as pb
from entraid.v1 import snapshot_pb2
from entraid_service.place import keep_to_a_processor
from entraid_service.rpc.listener import Listener
from entraid_service.rpc.loop import ServingLoop
from entraid_service.rpc.server import ServerSettings

_SERVICE = "entraid.v1.AccessService"


class Nothing:
    """Answers the same to all."""

    def __init__(self) -> None:
        now = datetime.now(UTC)
        snapshot = snapshot_pb2.Snapshot(token="t" * 60)
        snapshot.sync_time.FromDatetime(now)
        reason = pb.Reason(code=pb.REASON_CODE_USER_DISABLED, field="condition.all_of.conditions[0]", message="m" * 60)
        user = "connections/bench/users/00000000-0000-0000-0000-000000000000"
        self._answer = pb.EvaluateAccessResponse(
            decision=pb.DECISION_DENY, reasons=[reason], user=user, snapshot=snapshot, decision_id="d" * 36
        )

    async def evaluate(self, request: pb.EvaluateAccessRequest, context: object) -> pb.EvaluateAccessResponse:  # noqa: ARG002 - nothing is done with them
        """Does nothing."""
        return self._answer


async def serve(ready: Path, port: int, *, is_like_ours: bool) -> None:
    """Until the process is ended; the port is written to a file. Port 0 is any free one, for this process alone."""
    handler = grpc.unary_unary_rpc_method_handler(
        Nothing().evaluate,
        request_deserializer=pb.EvaluateAccessRequest.FromString,
        response_serializer=pb.EvaluateAccessResponse.SerializeToString,
    )
    handlers = {"EvaluateAccess": handler}
    address = f"127.0.0.1:{port}"
    if is_like_ours:
        listener = Listener(address, ServerSettings().options(), is_shared=port > 0)
        listener.add_registered_method_handlers(_SERVICE, handlers)
        port = listener.bind(None)
        await listener.start()
    else:
        server = grpc.aio.server()
        server.add_registered_method_handlers(_SERVICE, handlers)
        port = server.add_insecure_port(address)
        await server.start()
    draft = ready.with_name(f"{ready.name}.tmp")
    draft.write_text(str(port), encoding="utf-8")
    draft.replace(ready)
    await asyncio.Event().wait()


def main() -> None:
    """Serves as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ready", type=Path, help="the file for the port")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--like-ours", action="store_true")
    parser.add_argument("--worker", type=int, help="which one it is of those that have a processor each")
    options = parser.parse_args()
    if options.worker is not None:
        keep_to_a_processor(options.worker)
    with asyncio.Runner(loop_factory=ServingLoop if options.like_ours else None) as runner:
        runner.run(serve(options.ready, options.port, is_like_ours=options.like_ours))


if __name__ == "__main__":
    main()
