"""Inbound gRPC: decode, one call into the core, encode."""

from entraid_service.rpc.engine import choose_listener

choose_listener()  # before any other module here imports gRPC
