"""Every setting: its meaning, unit, default, and whether it is secret.

The environment variable of `sync_interval` is `ENTRAID_SYNC_INTERVAL`, its key in a TOML file `sync_interval`. A
secret can also be given as the path of a file that holds it, under the same name with `_FILE` behind.
"""

from dataclasses import dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from entraid_service.config.clouds import CLOUDS, Cloud, custom_cloud
from entraid_service.model.directory import DEFAULT_ATTRIBUTES
from entraid_service.model.secret import Secret

_NO_SECRET = Secret("")


def _setting(default: Any, help_text: str, **more: Any) -> Any:  # noqa: ANN401 - the field's own annotation is its type
    return field(default=default, metadata={"help": help_text, **more})


@dataclass(frozen=True, slots=True)
class Settings:
    """The effective settings, checked."""

    grpc_address: str = _setting(
        "127.0.0.1:50051",
        "Where gRPC listens, `host:port`; port 0 takes a free one. Loopback, unless you decide otherwise.",
    )
    http_address: str = _setting(
        "127.0.0.1:8080",
        "Where health (`/healthz`, `/readyz`), metrics (`/metrics`) and the connect page listen; port 0 takes a free "
        "one.",
    )
    database_url: str = _setting(
        "sqlite:///entraid.db",
        "Where the copy is kept: `sqlite:///relative.db` or `sqlite:////absolute.db`.",
    )
    encryption_key: Secret = _setting(
        _NO_SECRET,
        "32 bytes in base64 that seal stored credentials; of several lines the first seals, all of them open. Without "
        "it a key file is made beside the database.",
        secret=True,
    )
    public_url: str = _setting(
        "",
        "Where browsers reach `http_address` from outside, `https://host[:port]`. Without it, and if that listens on "
        "loopback, `http://localhost:PORT`. Register `<public URL>/connect/callback` as the app's redirect URI.",
    )
    client_id: str = _setting(
        "",
        "The service's own multi-tenant app, which administrators consent to. With it, one of the credentials below.",
    )
    client_secret: Secret = _setting(_NO_SECRET, "A secret of that app.", secret=True)
    client_certificate_file: str = _setting("", "A certificate of that app with its private key, PEM or PFX.")
    client_certificate_password: Secret = _setting(_NO_SECRET, "The password of that file, if it has one.", secret=True)
    federated_token_file: str = _setting(
        "",
        "File with a token of the platform that the service runs on, read for each request to Entra: proves apps that "
        "trust it (workload identity), and the service's own app where it has no other credential.",
    )
    managed_identity: str = _setting(
        "",
        "The host's managed identity instead of such a file: `system`, or the client ID of a user-assigned one.",
    )
    consent_redirect_uris: tuple[str, ...] = _setting(
        (),
        "Pages of callers on which a consent may end, comma-delimited, compared character by character.",
    )
    cloud: str = _setting(
        "public",
        "Which Microsoft cloud: `public`, `usgov`, `usgov-dod`, `china`, or `custom` (the two URLs below).",
    )
    authority_url: str = _setting("", "Base URL of the login side, for `custom`: `https://host[:port]`.")
    graph_url: str = _setting("", "Base URL of Microsoft Graph, for `custom`; `/v1.0` is added if it has no path.")
    ca_bundle: str = _setting(
        "",
        "PEM file of the authorities to trust for Entra and Graph, in place of the public ones.",
    )
    proxy: Secret = _setting(
        _NO_SECRET,
        "HTTP proxy for Entra and Graph alike, `http://[user:password@]host:port`. Other proxy variables are not read.",
        secret=True,
    )
    user_attributes: tuple[str, ...] = _setting(
        DEFAULT_ATTRIBUTES,
        "User attributes to sync by their Microsoft Graph names, comma-delimited.",
    )
    sync_interval: timedelta = _setting(
        timedelta(minutes=2),
        "How often what changed is read, for example `90s` or `2m`; `0` turns it off.",
        high=timedelta(days=6),
    )
    full_sync_interval: timedelta = _setting(
        timedelta(hours=6),
        "How often everything is read anew, which repairs what was missed, for example `6h`; `0` turns it off.",
        high=timedelta(days=366),
    )
    max_removal_percent: int = _setting(
        20,
        "A sync that would remove a larger share of users, groups or memberships (of 100 or more) waits for approval.",
        low=1,
        high=100,
    )
    graph_concurrency: int = _setting(
        8,
        "Requests to Graph at once for each connection, 1 to 64. More of them meet throttling sooner.",
        low=1,
        high=64,
    )
    tls_cert_file: str = _setting("", "PEM certificate chain of the gRPC server; with it, plaintext is refused.")
    tls_key_file: str = _setting("", "PEM private key of the gRPC server.")
    tls_client_ca_file: str = _setting("", "PEM authorities whose client certificates are required (mutual TLS).")
    workers: int = _setting(
        1,
        "Processes that take gRPC calls on the one port, 1 to 64; as many as there are processors to spare.",
        low=1,
        high=64,
    )
    worker_processors: Literal["shared", "own"] = _setting(
        "shared",
        "`own` keeps each worker to a processor that it shares with no other one: quicker answers, on machines whose "
        "processors nobody else uses. Linux only.",
        choices=("shared", "own"),
    )
    max_calls: int = _setting(
        2000,
        "Calls that a worker has under way at most; while there are more, the excess gets RESOURCE_EXHAUSTED.",
        low=100,
        high=1_000_000,
    )
    audit_log: str = _setting(
        "",
        "File of the audit log, a line of JSON for each decision; `-` is standard output, empty writes none.",
    )
    audit_sample_allows: float = _setting(
        1.0,
        "The share of allows that the audit log takes, `0` to `1`. It takes all denials.",
        low=0.0,
        high=1.0,
    )
    log_level: str = _setting(
        "info",
        "`debug`, `info`, `warning` or `error`.",
        choices=("debug", "info", "warning", "error"),
    )
    log_format: Literal["json", "console"] = _setting(
        "json", "`json`, or `console` for people.", choices=("json", "console")
    )

    def endpoints(self) -> Cloud:
        """The base URLs to call."""
        if self.cloud == "custom":
            return custom_cloud(self.authority_url, self.graph_url)
        return CLOUDS[self.cloud]

    def database_path(self) -> Path:
        """The SQLite file."""
        return Path(self.database_url.removeprefix("sqlite:///"))


SETTINGS = {setting.name: setting for setting in fields(Settings)}
