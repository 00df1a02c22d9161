"""The server of the `rpc` tests: a real port over a real store."""

from rpc.conftest import facades, grpc_server, metrics, server, store

__all__ = ["facades", "grpc_server", "metrics", "server", "store"]
