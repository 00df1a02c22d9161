"""Inbound gRPC: decode, one call into the core, encode."""
