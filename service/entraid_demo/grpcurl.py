"""grpcurl lines for a running demo, that work as they are printed."""

import json
import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_PARENT = "connections/contoso"


def grpcurl_lines(emulator: Mapping[str, str], target: str) -> Iterator[str]:
    """One line for each of the main calls, in the order in which they make sense."""
    start = f"{_command()} -plaintext"
    yield f"{start} {target} list"
    yield f"{start} {target} describe entraid.v1.AccessService"
    for method, request in _calls(emulator):
        yield f"{start} -d {shlex.quote(json.dumps(request))} {target} entraid.v1.{method}"


def _calls(emulator: Mapping[str, str]) -> list[tuple[str, dict[str, Any]]]:
    credentials = {"client_id": emulator["client_id"], "client_secret": emulator["client_secret"]}
    allow = {"group": {"values": ["Engineering"]}}
    return [
        (
            "ConnectionService/Connect",
            {"connection_id": "contoso", "tenant": emulator["tenant_id"], "app_credentials": credentials},
        ),
        ("SyncService/Sync", {"connection": _PARENT}),
        ("DirectoryService/ListUsers", {"parent": _PARENT, "page_size": 3}),
        ("DirectoryService/ListGroups", {"parent": _PARENT, "page_size": 3}),
        (
            "AccessService/EvaluateAccess",
            {"user": f"{_PARENT}/users/nadia.rahman@contoso.example", "condition": allow, "explain": True},
        ),
    ]


def _command() -> str:
    """How this person calls grpcurl: by name if it is on the path, else the one that came with the tests."""
    if shutil.which("grpcurl"):
        return "grpcurl"
    beside = Path(sys.executable).with_name("grpcurl")
    return os.path.relpath(beside) if beside.exists() else "grpcurl"
