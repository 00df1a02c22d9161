"""The Graph side at the wire: a request of aiohttp in, an answer of aiohttp out. `dispatch` and `batch` answer it."""

from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web

from entraid_emulator.cloud import Cloud
from entraid_emulator.faults import FaultScript
from entraid_emulator.graph.batch import Batch
from entraid_emulator.graph.dispatch import Asked, Dispatcher, Reply
from entraid_emulator.graph.routes import PREFIX
from entraid_emulator.journal import Journal


def add_graph(router: web.UrlDispatcher, cloud: Cloud, *, faults: FaultScript, journal: Journal) -> None:
    """Add everything below `/v1.0`; faults and journal are for the parts of batches, which pass nobody else."""
    dispatcher = Dispatcher(cloud)
    batch = Batch(cloud, dispatcher, faults=faults, journal=journal)
    router.add_route("*", PREFIX + "{rest:(/.*)?}", _served(dispatcher, batch))


def _served(dispatcher: Dispatcher, batch: Batch) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handler(request: web.Request) -> web.StreamResponse:
        asked = Asked(
            method=request.method,
            origin=f"https://{request.host}",
            path=request.rel_url.raw_path.removeprefix(PREFIX),
            query=tuple(request.query.items()),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=await request.read(),
        )
        return _response(batch.reply(asked) if batch.is_asked(asked) else dispatcher.reply(asked))

    return handler


def _response(reply: Reply) -> web.Response:
    body = reply.body.encode() if isinstance(reply.body, str) else orjson.dumps(reply.body)
    return web.Response(body=body, status=reply.status, headers=reply.headers)
