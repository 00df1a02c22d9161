import socket
from collections.abc import Callable, Mapping

import pytest
from google.protobuf import json_format
from google.rpc import code_pb2

from e2e.conftest import CANARY, POOR_CLIENT_ID
from e2e.harness import Refusal, Service, connect_request, pointed_at
from entraid.v1 import connection_service_pb2
from entraid_emulator import Emulator

CONNECT = "ConnectionService/Connect"
STRANGER = "5f2d1c3b-0000-4000-8000-00000000cafe"


def credentials(emulator: Emulator, **changes: str) -> dict[str, object]:
    """A good request, with some of its credentials replaced."""
    request = connect_request(emulator, "refused")
    given = {"client_id": emulator.app.client_id, "client_secret": CANARY}
    return {**request, "app_credentials": {**given, **changes}}


def check_is_not_there(service: Service) -> None:
    """What was refused has left nothing behind."""
    gone = service.refused("ConnectionService/GetConnection", {"name": "connections/refused"})
    assert gone.reason == "RESOURCE_NOT_FOUND"


def check_names_no_secret(refusal: Refusal, *services: Service) -> None:
    """Neither the answer nor any log line holds the secret."""
    for text in (refusal.text, *(service.log() for service in services)):
        assert CANARY not in text


@pytest.mark.parametrize(
    ("changes", "aadsts", "words"),
    [
        (
            {"app_credentials": {"client_secret": CANARY + "x"}},
            "AADSTS7000215",
            ("the client secret", "value is wrong", "create a new secret under App registrations"),
        ),
        (
            {"tenant": "nobody.example"},
            "AADSTS90002",
            ("the tenant", "there is none of this ID or domain", "copy the tenant ID from Entra admin center"),
        ),
        (
            {"tenant": STRANGER},
            "AADSTS90002",
            ("the tenant", "there is none of this ID or domain", "check the configured cloud"),
        ),
        (
            {"app_credentials": {"client_id": STRANGER}},
            "AADSTS700016",
            ("the app", "no app with this client ID is in the tenant", "check client ID and tenant ID"),
        ),
    ],
    ids=["wrong secret", "unknown domain", "unknown tenant", "unknown app"],
)
def test_what_entra_rejects_is_told_with_code_cause_and_remedy(
    service: Service,
    emulator: Emulator,
    changes: Mapping[str, str | dict[str, str]],
    aadsts: str,
    words: tuple[str, ...],
) -> None:
    """FAILED_PRECONDITION, CREDENTIALS_REJECTED, and what a person has to do where."""
    request = credentials(emulator)
    for name, value in changes.items():
        request[name] = value if isinstance(value, str) else credentials(emulator, **value)[name]

    refusal = service.refused(CONNECT, request)

    assert refusal.status.code == code_pb2.FAILED_PRECONDITION
    assert (refusal.reason, refusal.metadata["aadsts"]) == ("CREDENTIALS_REJECTED", aadsts)
    for word in (aadsts, *words, "https://learn.microsoft.com/"):
        assert word in refusal.status.message
    check_is_not_there(service)
    check_names_no_secret(refusal, service)


def test_a_missing_permission_is_named_with_the_way_to_grant_it(service: Service, emulator: Emulator) -> None:
    """An app without GroupMember.Read.All is refused before anything is saved."""
    refusal = service.refused(CONNECT, credentials(emulator, client_id=POOR_CLIENT_ID))

    assert refusal.status.code == code_pb2.FAILED_PRECONDITION
    assert refusal.reason == "PERMISSION_MISSING"
    assert refusal.metadata["missing_permissions"] == "GroupMember.Read.All"
    for word in ("GroupMember.Read.All", POOR_CLIENT_ID, "API permissions", "administrator", "consent"):
        assert word in refusal.status.message
    check_is_not_there(service)
    check_names_no_secret(refusal, service)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"ENTRAID_AUTHORITY_URL": "https://localhost:{closed}"},
            ("`localhost:{closed}` cannot be reached", "check the authority URL, the network and the proxy"),
        ),
        (
            {"ENTRAID_CA_BUNDLE": ""},
            ("certificate of `localhost:", "is not trusted", "set the CA bundle"),
        ),
        (
            {"ENTRAID_PROXY": "http://localhost:{closed}"},
            ("cannot be reached through the configured proxy", "check the proxy's address"),
        ),
    ],
    ids=["no login side", "untrusted certificate", "no proxy"],
)
def test_what_cannot_be_reached_is_unavailable_and_says_what_to_check(
    emulator: Emulator,
    start: Callable[[dict[str, str]], Service],
    settings: Mapping[str, str],
    words: tuple[str, ...],
) -> None:
    """UNAVAILABLE: nothing is wrong with the request; host and remedy are in the text."""
    closed = str(closed_port())
    changed = {name: value.replace("{closed}", closed) for name, value in settings.items()}
    service = start({**pointed_at(emulator), **changed})

    refusal = service.refused(CONNECT, credentials(emulator))

    assert refusal.status.code == code_pb2.UNAVAILABLE, refusal.text
    for word in words:
        assert word.replace("{closed}", closed) in refusal.status.message
    check_is_not_there(service)
    check_names_no_secret(refusal, service)


def test_a_refused_reauthorization_leaves_the_connection_as_it_was(service: Service, emulator: Emulator) -> None:
    """Connecting anew with a wrong secret is an error, and the credential before it stays in use."""
    request = connect_request(emulator, "reauthorized")
    first = json_format.Parse(service.raw(CONNECT, request), connection_service_pb2.ConnectResponse()).connection
    wrong = connect_request(emulator, "reauthorized", secret="wrong")
    assert service.refused(CONNECT, wrong).metadata["aadsts"] == "AADSTS7000215"

    response = connection_service_pb2.GetConnectionResponse()
    after = service.call("ConnectionService/GetConnection", {"name": first.name}, response).connection
    assert after == first


def closed_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
