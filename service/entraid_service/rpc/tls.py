"""The server's certificate: read from files, and read again when they change.

Certificates are rotated by replacing files while calls go on; a handshake always gets the pair that was read last, and
files that are half replaced or broken leave the former pair in use.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import grpc
import structlog

if TYPE_CHECKING:
    from collections.abc import Callable

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files. With `client_ca` only clients that show a certificate of that CA are let in."""

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def all(self) -> tuple[Path, ...]:
        """Every file that is set."""
        return (self.certificate, self.key) if self.client_ca is None else (self.certificate, self.key, self.client_ca)


def server_credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """Credentials that follow the files.

    Raises:
        OSError: A file cannot be read.
    """
    watch = _Watch(files, stamps=_stamps(files))
    # The stubs leave out that None means "as before".
    fetch = cast("Callable[[], grpc.ServerCertificateConfiguration]", watch.fetch)
    return grpc.dynamic_ssl_server_credentials(_read(files), fetch, files.client_ca is not None)


@dataclass(slots=True)
class _Watch:
    """Reads the files again when one of them has changed. Called by gRPC for every handshake."""

    files: TlsFiles
    stamps: tuple[tuple[int, int], ...]

    def fetch(self) -> grpc.ServerCertificateConfiguration | None:
        """The new pair, None to go on with the former one."""
        try:
            stamps = _stamps(self.files)
            if stamps == self.stamps:
                return None
            configuration = _read(self.files)
        except OSError as error:
            _log.warning("tls_files_unreadable", problem=str(error))
            return None
        self.stamps = stamps
        _log.info("tls_files_reloaded", file=str(self.files.certificate))
        return configuration


def _stamps(files: TlsFiles) -> tuple[tuple[int, int], ...]:
    return tuple((stat.st_mtime_ns, stat.st_ino) for stat in map(Path.stat, files.all()))


def _read(files: TlsFiles) -> grpc.ServerCertificateConfiguration:
    roots = None if files.client_ca is None else files.client_ca.read_bytes()
    return grpc.ssl_server_certificate_configuration([(files.key.read_bytes(), files.certificate.read_bytes())], roots)
