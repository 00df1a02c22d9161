"""Makes one call: within a deadline, again where that is safe, and with exceptions of our own.

What happens here, in this order: the call goes out with what is left of the deadline; a failure is decoded; `retry.py`
says whether to pause and call again; what remains is raised. Which call to make is up to the rooms of the services.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import grpc

from entraid_client import decode
from entraid_client.retry import RetryPolicy, contract_allows_repeat

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from google.protobuf.descriptor import MethodDescriptor

    from entraid_client.errors import Problem

Request = TypeVar("Request")
Response = TypeVar("Response")

DEFAULT_DEADLINE = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class Calls:
    """How every call of one client is made."""

    deadline: timedelta = DEFAULT_DEADLINE
    """For a call with all its repetitions, unless the call brings its own."""

    retry: RetryPolicy = field(default_factory=RetryPolicy)

    async def unary(
        self,
        method: grpc.aio.UnaryUnaryMultiCallable[Request, Response],
        request: Request,
        *,
        rpc: MethodDescriptor,
        deadline: timedelta | None = None,
        repeatable: bool | None = None,
    ) -> Response:
        """Makes a call that has one answer.

        Args:
            method: The stub's method.
            request: What it takes.
            rpc: The same method in the contract.
            deadline: For the call with all its repetitions; the client's own if None.
            repeatable: Whether a second call is safe; what the contract says if None.

        Raises:
            EntraidError: The call failed, for good or once too often.
        """
        safe = contract_allows_repeat(rpc) if repeatable is None else repeatable
        end = time.monotonic() + (deadline or self.deadline).total_seconds()
        attempt = 1
        while True:
            try:
                # Without wait_for_ready a service that is not there is told at once, not when the deadline has passed.
                return await method(request, timeout=max(end - time.monotonic(), 0.0), wait_for_ready=False)
            except grpc.aio.AioRpcError as error:
                failure = decode.from_rpc_error(error, rpc=rpc.full_name)
                pause = self._pause(failure.problem, attempt=attempt, end=end) if safe else None
                if pause is None:
                    raise failure from error
            await asyncio.sleep(pause.total_seconds())
            attempt += 1

    async def stream(
        self,
        method: grpc.aio.UnaryStreamMultiCallable[Request, Response],
        request: Request,
        *,
        rpc: MethodDescriptor,
        deadline: timedelta,
    ) -> AsyncGenerator[Response, None]:
        """Makes a call that has many answers, once: who reads them knows whether to begin anew.

        Raises:
            EntraidError: The stream broke off.
        """
        call = method(request, timeout=deadline.total_seconds(), wait_for_ready=False)
        try:
            async for response in call:
                yield response
        except grpc.aio.AioRpcError as error:
            raise decode.from_rpc_error(error, rpc=rpc.full_name) from error
        finally:
            call.cancel()

    async def duplex(
        self,
        method: grpc.aio.StreamStreamMultiCallable[Request, Response],
        requests: AsyncIterator[Request],
        *,
        rpc: MethodDescriptor,
        deadline: timedelta,
    ) -> AsyncGenerator[Response, None]:
        """Makes a call that has many requests and many answers, once.

        Raises:
            EntraidError: The stream broke off.
        """
        call = method(requests, timeout=deadline.total_seconds(), wait_for_ready=False)
        try:
            async for response in call:
                yield response
        except grpc.aio.AioRpcError as error:
            raise decode.from_rpc_error(error, rpc=rpc.full_name) from error
        finally:
            call.cancel()

    def _pause(self, problem: Problem, *, attempt: int, end: float) -> timedelta | None:
        remaining = timedelta(seconds=max(end - time.monotonic(), 0.0))
        return self.retry.pause(problem, attempt=attempt, remaining=remaining, chance=random.random())  # noqa: S311 - spreads load, guards nothing
