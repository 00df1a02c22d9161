"""From environment, file and flags to checked settings. Every mistake is told, not only the first."""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from entraid_service.config.clouds import CLOUDS
from entraid_service.config.ownapp import app_problems
from entraid_service.config.settings import SETTINGS, Settings
from entraid_service.model.directory import CORE_ATTRIBUTES
from entraid_service.model.secret import Secret

PREFIX = "ENTRAID_"
CONFIG_VARIABLE = "ENTRAID_CONFIG"
_TARGET_OF_CLIENTS = "ENTRAID_TARGET"
"""Tells entraidctl where the service is, often in the same shell. Its TLS variables are warned of: one of them may have
been meant for the service."""
_HIGHEST_PORT = 65535
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*")
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?|\.[0-9]+")
_DURATION = re.compile(r"(?P<number>[0-9]{1,9}(\.[0-9]{1,3})?) ?(?P<unit>[smhd]?)")


class SettingsError(Exception):
    """The settings are wrong. `problems` holds one sentence each, none of them a secret."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def load(
    environment: Mapping[str, str] = os.environ, *, file: str | None = None, flags: Mapping[str, str] | None = None
) -> Settings:
    """The effective settings.

    Raises:
        SettingsError: With everything that is wrong.
    """
    problems: list[str] = []
    given = {
        **_from_file(file or environment.get(CONFIG_VARIABLE, ""), problems),
        **_from_environment(environment, problems),
        **{key: value for key, value in (flags or {}).items() if value},
    }
    values: dict[str, Any] = {}
    for name, text in given.items():
        try:
            values[name] = _parse(name, text)
        except ValueError as error:
            problems.append(f"`{PREFIX}{name.upper()}` {error}")
    settings = Settings(**values)
    problems.extend(_contradictions(settings))
    if problems:
        raise SettingsError(problems)
    return settings


def describe(settings: Settings) -> Iterator[tuple[str, str]]:
    """Every setting's environment variable and effective value, secrets masked."""
    for name, setting in SETTINGS.items():
        value = getattr(settings, name)
        if setting.metadata.get("secret"):
            shown = "***" if value else ""
        elif isinstance(value, tuple):
            shown = ",".join(value)
        elif isinstance(value, timedelta):
            shown = f"{value.total_seconds():g}s"
        else:
            shown = str(value)
        yield f"{PREFIX}{name.upper()}", shown


def _from_file(path: str, problems: list[str]) -> dict[str, str]:
    if not path:
        return {}
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        problems.append(f"the configuration file `{path}` cannot be read: {_plainly(error)}")
        return {}
    given: dict[str, str] = {}
    for key, value in content.items():
        if _setting_of(key.lower()) is None:
            problems.append(f"`{key}` in `{path}` is no setting of this version: remove it, or correct its name")
        text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
        _take(given, key.lower(), text, told_as=f"`{key}` in `{path}`", problems=problems)
    return given


def _from_environment(environment: Mapping[str, str], problems: list[str]) -> dict[str, str]:
    given: dict[str, str] = {}
    for variable, value in environment.items():
        if variable.startswith(PREFIX) and value:
            _take(given, variable.removeprefix(PREFIX).lower(), value, told_as=f"`{variable}`", problems=problems)
    return given


def unknown_variables(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Variables with our prefix that are no settings: told, and not refused.

    Kubernetes sets `ENTRAID_PORT` and the like in every pod beside a service named `entraid`.
    """
    return sorted(
        variable
        for variable in environment
        if variable.startswith(PREFIX)
        and variable not in (CONFIG_VARIABLE, _TARGET_OF_CLIENTS)
        and _setting_of(variable.removeprefix(PREFIX).lower()) is None
    )


def _setting_of(key: str) -> str | None:
    """The setting that a key is for: its own, or with `_file` behind, a secret's."""
    if key in SETTINGS:
        return key
    secret = key.removesuffix("_file")
    return secret if secret in SETTINGS and SETTINGS[secret].metadata.get("secret") else None


def _take(given: dict[str, str], key: str, value: str, *, told_as: str, problems: list[str]) -> None:
    """Takes one key, or the content of the file that `<secret>_file` names; what is no setting is left."""
    setting = _setting_of(key)
    if setting is None:
        return
    if setting == key:
        given[key] = value
        return
    try:
        given[setting] = Path(value).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"the file that {told_as} names cannot be read: {_plainly(error)}")


def _parse(name: str, text: str) -> Any:  # noqa: ANN401 - as the field is annotated
    setting = SETTINGS[name]
    choices = setting.metadata.get("choices")
    if choices and text not in choices:
        raise ValueError(f"is `{text}`, not one of {', '.join(choices)}")
    if isinstance(setting.default, Secret):
        return Secret(text)
    if isinstance(setting.default, tuple):
        return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if isinstance(setting.default, int):
        return _parse_int(text, low=setting.metadata["low"], high=setting.metadata["high"])
    if isinstance(setting.default, float):
        return _parse_share(text, low=setting.metadata["low"], high=setting.metadata["high"])
    if isinstance(setting.default, timedelta):
        return _parse_duration(text, most=setting.metadata["high"])
    return text


def _parse_share(text: str, *, low: float, high: float) -> float:
    if not _NUMBER.fullmatch(text) or not low <= float(text) <= high:
        raise ValueError(f"is `{text}`, not a number from {low:g} to {high:g}")
    return float(text)


def _parse_duration(text: str, *, most: timedelta) -> timedelta:
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError(f"is `{text}`, not a duration such as `90s`, `2m`, `6h` or `1d`")
    duration = timedelta(seconds=float(found["number"]) * _SECONDS[found["unit"] or "s"])
    if duration > most:
        raise ValueError(f"is `{text}`, longer than {most.days} days")
    return duration


def _parse_int(text: str, *, low: int, high: int) -> int:
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise ValueError(f"is `{text}`, not a whole number from {low} to {high}")
    return int(text)


def _contradictions(settings: Settings) -> Iterator[str]:
    """What is wrong with the settings as a whole, and with texts that have an inner form."""
    yield from _address_problems("GRPC_ADDRESS", settings.grpc_address)
    yield from _address_problems("HTTP_ADDRESS", settings.http_address)
    if not settings.database_url.startswith("sqlite:///") or settings.database_url == "sqlite:///":
        yield f"`{PREFIX}DATABASE_URL` is not of the form `sqlite:///path/to/file.db`, the only kind this version knows"
    yield from _cloud_problems(settings)
    if bool(settings.tls_cert_file) != bool(settings.tls_key_file):
        yield f"`{PREFIX}TLS_CERT_FILE` and `{PREFIX}TLS_KEY_FILE` are needed together"
    if settings.tls_client_ca_file and not settings.tls_cert_file:
        yield f"`{PREFIX}TLS_CLIENT_CA_FILE` needs `{PREFIX}TLS_CERT_FILE`: without TLS no client shows a certificate"
    if missing := [name for name in CORE_ATTRIBUTES if name not in settings.user_attributes]:
        yield f"`{PREFIX}USER_ATTRIBUTES` lacks {', '.join(missing)}, which every decision needs"
    if odd := [name for name in settings.user_attributes if not _ATTRIBUTE.fullmatch(name)]:
        yield (
            f"`{PREFIX}USER_ATTRIBUTES` has `{'`, `'.join(odd)}`, no name of an attribute in Microsoft Graph; a "
            "complex one is named as a whole, such as `onPremisesExtensionAttributes`"
        )
    if settings.worker_processors == "own":
        yield from _processor_problems(settings.workers)
    yield from app_problems(settings)
    for name in ("ca_bundle", "tls_cert_file", "tls_key_file", "tls_client_ca_file", "client_certificate_file"):
        path = getattr(settings, name)
        if path and not os.access(path, os.R_OK):
            yield f"`{PREFIX}{name.upper()}` names `{path}`, which cannot be read"


def _cloud_problems(settings: Settings) -> Iterator[str]:
    if settings.cloud == "custom":
        for name in ("authority_url", "graph_url"):
            url = urlsplit(getattr(settings, name))
            if url.scheme != "https" or not url.hostname:
                yield f"`{PREFIX}{name.upper()}` has to be an `https://` URL with the cloud `custom`"
    elif settings.cloud not in CLOUDS:
        yield f"`{PREFIX}CLOUD` is `{settings.cloud}`, not one of {', '.join(CLOUDS)}, custom"
    elif settings.authority_url or settings.graph_url:
        yield (
            f"`{PREFIX}AUTHORITY_URL` and `{PREFIX}GRAPH_URL` only count with `{PREFIX}CLOUD=custom`: "
            "set that, or remove them"
        )


def _processor_problems(workers: int) -> Iterator[str]:
    if not hasattr(os, "sched_setaffinity"):
        yield f"`{PREFIX}WORKER_PROCESSORS` can be `own` on Linux only: remove it"
    elif workers > (processors := len(os.sched_getaffinity(0))):
        yield (
            f"`{PREFIX}WORKER_PROCESSORS` is `own`, but there are {workers} workers and {processors} processors that "
            f"the process may use: lower `{PREFIX}WORKERS`, or remove it"
        )


def _address_problems(name: str, address: str) -> Iterator[str]:
    host, separator, port = address.rpartition(":")
    is_port = port.isascii() and port.isdigit() and int(port) <= _HIGHEST_PORT
    if not separator or not host or not is_port:
        yield f"`{PREFIX}{name}` is `{address}`, not `host:port`"


def _plainly(error: Exception) -> str:
    return error.strerror or "unknown" if isinstance(error, OSError) else str(error)
