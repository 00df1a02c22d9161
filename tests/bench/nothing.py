"""The peer that our server is measured against: the same gRPC server with a handler that does nothing.

The same generated messages are read and written, the answer is made once; no interceptors, no audit log. Given a port,
it takes its share of the connections there, beside others of its kind. With `--together` calls wait for each other
under load as those of ours do, which tells what that alone is worth.
"""

import argparse
import asyncio
from datetime import UTC, datetime
from pathlib import Path

import grpc

from entraid.v1 import access_service_pb2 as pb
from entraid.v1 import snapshot_pb2
from entraid_service.place import keep_to_a_processor
from entraid_service.rpc.coalescing import Coalescer
from entraid_service.rpc.deciding import CallContext
from entraid_service.rpc.engine import begin_at_once
from entraid_service.rpc.listeners import Listeners
from entraid_service.rpc.overload import Admission
from entraid_service.rpc.server import ServerSettings


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


class Together:
    """The same from bytes to bytes, calls together."""

    def __init__(self) -> None:
        self._answer = Nothing()._answer.SerializeToString
        self._coalescer = Coalescer(self._answered)
        self._admission = Admission(ServerSettings().most_calls)
        self._watching = asyncio.create_task(self._admission.watch(self._coalescer.count))

    async def evaluate(self, request: bytes, context: CallContext) -> bytes | None:
        """Does nothing, with others."""
        self._admission.admits()
        if self._coalescer.wanted:
            return await self._coalescer.join(request, context)
        return self._answered(request, context)

    def _answered(self, request: bytes, context: CallContext) -> bytes | None:  # noqa: ARG002 - nothing is done with it
        pb.EvaluateAccessRequest.FromString(request)
        return self._answer()


async def serve(ready: Path, port: int, *, is_together: bool) -> None:
    """Until the process is ended; the port is written to a file. Port 0 is any free one, for this process alone."""
    settings = ServerSettings(address=f"127.0.0.1:{port}", shares_port=port > 0)
    server = Listeners(settings.address, settings.options())
    handler = (
        grpc.unary_unary_rpc_method_handler(Together().evaluate)
        if is_together
        else grpc.unary_unary_rpc_method_handler(
            Nothing().evaluate,
            request_deserializer=pb.EvaluateAccessRequest.FromString,
            response_serializer=pb.EvaluateAccessResponse.SerializeToString,
        )
    )
    server.add_registered_method_handlers("entraid.v1.AccessService", {"EvaluateAccess": handler})
    port = server.bind(None, is_shared=settings.shares_port)
    begin_at_once(asyncio.get_running_loop())
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
    parser.add_argument("--together", action="store_true")
    parser.add_argument("--worker", type=int, help="which one it is of those that have a processor each")
    options = parser.parse_args()
    if options.worker is not None:
        keep_to_a_processor(options.worker)
    asyncio.run(serve(options.ready, options.port, is_together=options.together))


if __name__ == "__main__":
    main()
