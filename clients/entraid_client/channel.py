"""Opens the gRPC channel: target, TLS and keepalive. Makes no call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import grpc

if TYPE_CHECKING:
    from pathlib import Path

# The service takes a ping each 10 s; three times that also suits proxies that idle out after a minute.
# Pings are sent during calls only, as servers cut off clients that ping without one
# (https://github.com/grpc/grpc/blob/master/doc/keepalive.md).
_KEEPALIVE_MILLISECONDS: Final = 30_000
_KEEPALIVE_ANSWER_MILLISECONDS: Final = 10_000

# gRPC waits up to two minutes before it dials a lost server again, so that every call in between would fail at once.
_LONGEST_REDIAL_MILLISECONDS: Final = 2_000
_SHORTEST_REDIAL_MILLISECONDS: Final = 100

# A page of 1,000 users with all attributes passes gRPC's default of 4 MiB.
_LARGEST_MESSAGE_BYTES: Final = 64 * 1024 * 1024

# Error details travel in the trailing metadata; beyond this limit the whole error would be lost.
_LARGEST_METADATA_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """How to talk TLS. Without any file: the system's roots, no client certificate."""

    ca_file: Path | None = None
    """PEM of the authorities to trust instead of the system's."""

    certificate_file: Path | None = None
    """PEM of the client's certificate chain, for servers that ask for one. Goes with `key_file`."""

    key_file: Path | None = None
    """PEM of the client's private key."""

    server_name: str = ""
    """The name to expect in the server's certificate where it differs from the target's host."""

    def __post_init__(self) -> None:
        """Refuses half a client certificate, which gRPC would silently leave out."""
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("a client certificate needs both its certificate file and its key file")


def open_channel(target: str, tls: Tls | None) -> grpc.aio.Channel:
    """The channel to a target; to be called where an event loop runs.

    Args:
        target: `host:port`, or any other name that gRPC resolves.
        tls: None speaks plain text, which is for loopback and for meshes that encrypt by themselves.

    Raises:
        OSError: A file of `tls` cannot be read.
    """
    options = _options(tls)
    if tls is None:
        return grpc.aio.insecure_channel(target, options=options)
    return grpc.aio.secure_channel(target, _credentials(tls), options=options)


def _options(tls: Tls | None) -> list[tuple[str, str | int]]:
    options: list[tuple[str, str | int]] = [
        ("grpc.keepalive_time_ms", _KEEPALIVE_MILLISECONDS),
        ("grpc.keepalive_timeout_ms", _KEEPALIVE_ANSWER_MILLISECONDS),
        ("grpc.keepalive_permit_without_calls", 0),
        ("grpc.initial_reconnect_backoff_ms", _SHORTEST_REDIAL_MILLISECONDS),
        ("grpc.min_reconnect_backoff_ms", _SHORTEST_REDIAL_MILLISECONDS),
        ("grpc.max_reconnect_backoff_ms", _LONGEST_REDIAL_MILLISECONDS),
        ("grpc.max_receive_message_length", _LARGEST_MESSAGE_BYTES),
        ("grpc.max_metadata_size", _LARGEST_METADATA_BYTES),
        ("grpc.absolute_max_metadata_size", _LARGEST_METADATA_BYTES),
        # Which calls may be made again is decided in `retry.py`, not by a service config that DNS could bring along.
        ("grpc.service_config_disable_resolution", 1),
    ]
    if tls is not None and tls.server_name:
        options.append(("grpc.ssl_target_name_override", tls.server_name))
    return options


def _credentials(tls: Tls) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(
        root_certificates=_content(tls.ca_file),
        private_key=_content(tls.key_file),
        certificate_chain=_content(tls.certificate_file),
    )


def _content(file: Path | None) -> bytes | None:
    return None if file is None else file.read_bytes()
