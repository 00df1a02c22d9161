"""Any message of the contract, with any values: the answer is a right one or an error of the caller's."""

from collections.abc import Iterator

import grpc
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from entraid.v1 import access_service_pb2, connection_service_pb2, directory_service_pb2, sync_service_pb2
from rpc.rooms import ADELE, CLIENT, SALES, Server, raw_call

NEVER = (grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE)
LEAKS = ("Traceback", "sqlite", "SELECT ", "Error(", 'File "', "object at 0x")
KNOWN = [
    "connections/main",
    f"connections/main/users/{ADELE}",
    "connections/main/users/adele@contoso.example",
    "connections/main/users/' OR 1=1 --",
    f"connections/main/groups/{SALES}",
    "connections/main/groups/' OR 1=1 --",
    "connections/main/syncRuns/run-001",
    "connections/never-synced",
    "connections/nobody",
    "department",
    "contoso.example",
    CLIENT,
    "display_name",
]
TEXTS = st.one_of(st.sampled_from(KNOWN), st.text(max_size=40), st.just("x" * 5000), st.just("\x00%s{}\u202e"))
KINDS = {
    FieldDescriptor.TYPE_STRING: TEXTS,
    FieldDescriptor.TYPE_BYTES: st.binary(max_size=40),
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_INT32: st.one_of(st.integers(-2, 3), st.sampled_from([-(2**31), 2**31 - 1])),
    FieldDescriptor.TYPE_INT64: st.one_of(st.integers(-2, 3), st.sampled_from([-(2**63), 2**63 - 1])),
    FieldDescriptor.TYPE_ENUM: st.sampled_from([0, 1, 2, 3, 4, 5, 6, 7, -1, 2**31 - 1]),
    FieldDescriptor.TYPE_DOUBLE: st.floats(),
}
DEEPEST = 6
# Fields that are always set, mostly to something that makes sense.
SUBJECTS = (
    *("name", "parent", "user", "connection", "tenant", "client_id", "app_credentials", "client_secret"),
    *("requests", "condition", "all_of", "any_of", "none_of", "conditions", "group", "attribute", "manager", "values"),
)
EXAMPLES = 40


def methods() -> Iterator[tuple[str, Descriptor]]:
    """Every method of the contract that answers with one message, but those that wait."""
    for file in (access_service_pb2, connection_service_pb2, directory_service_pb2, sync_service_pb2):
        for service in file.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                if not method.server_streaming:
                    yield f"/{service.full_name}/{method.name}", method.input_type


@st.composite
def messages(draw: st.DrawFn, descriptor: Descriptor, depth: int = 0) -> Message:
    """A message with some of its fields set, those that say what it is about mostly to something that exists."""
    message = GetMessageClass(descriptor)()
    chosen = {draw(st.sampled_from(list(oneof.fields))).name for oneof in descriptor.oneofs}
    for field in descriptor.fields:
        if field.containing_oneof is not None and field.name not in chosen:
            continue
        is_subject = field.name in SUBJECTS
        if depth >= DEEPEST or not (is_subject or draw(st.integers(0, 2)) == 0):
            continue
        value = draw(_value(field, depth, is_subject=is_subject))
        if isinstance(value, list):
            getattr(message, field.name).extend(value)
        elif isinstance(value, Message):
            getattr(message, field.name).CopyFrom(value)
        else:
            setattr(message, field.name, value)
    return message


def _value(field: FieldDescriptor, depth: int, *, is_subject: bool) -> "st.SearchStrategy[object]":
    one: st.SearchStrategy[object]
    if field.message_type is not None:
        if field.message_type.GetOptions().map_entry:
            return st.just([])
        one = messages(field.message_type, depth + 1)
    elif is_subject and field.type == FieldDescriptor.TYPE_STRING:
        right = st.sampled_from(_subjects(field))
        one = st.integers(0, 4).flatmap(lambda number: right if number else TEXTS)
    else:
        one = KINDS[field.type]
    return st.lists(one, min_size=int(is_subject), max_size=3) if field.is_repeated else one


def _subjects(field: FieldDescriptor) -> list[str]:
    """Values in the form that the field asks for; most of them exist."""
    message = field.containing_type.name if field.containing_type else ""
    main = "connections/main"
    if field.name == "user" or message.startswith("GetUser"):
        return [f"{main}/users/{user}" for user in (ADELE, "adele@contoso.example", "' OR 1=1 --", "\x00")]
    if message.startswith("GetGroup"):
        return [f"{main}/groups/{group}" for group in (SALES, "' OR 1=1 --", "%")]
    if message.startswith(("GetSyncRun", "CancelSyncRun")):
        return [f"{main}/syncRuns/{run}" for run in ("run-001", "no-run")]
    if field.name in ("name", "parent", "connection"):
        return [main, main, "connections/never-synced", "connections/nobody"]
    return [CLIENT] if field.name == "client_id" else ["contoso.example", SALES, "department"]


async def _code(server: Server, method: str, body: bytes) -> tuple[grpc.StatusCode, str]:
    try:
        await raw_call(server, method)(body, timeout=20)
    except grpc.aio.AioRpcError as error:
        return error.code(), f"{error.details()}{error.trailing_metadata()}"
    return grpc.StatusCode.OK, ""


async def _prepare(server: Server) -> None:
    """Puts back what former examples deleted."""
    kept = {connection.id for connection in await server.store.connections.page(after=None, limit=100)}
    if "never-synced" not in kept:
        await server.add_connection("never-synced")
    if "main" not in kept:
        await server.commit(await server.add_connection())


@pytest.mark.parametrize(("method", "descriptor"), list(methods()), ids=[method for method, _ in methods()])
async def test_no_values_of_any_field_break_a_method(server: Server, method: str, descriptor: Descriptor) -> None:
    """Never UNKNOWN or INTERNAL, never a word of what happened inside."""

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(messages(descriptor))
    def collect(message: Message) -> None:
        bodies.append(message.SerializeToString())

    bodies: list[bytes] = []
    collect()
    await _prepare(server)
    for body in bodies:
        code, told = await _code(server, method, body)
        assert code not in NEVER, (body, told)
        assert not [leak for leak in LEAKS if leak in told], body
        await _prepare(server)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=60), method=st.sampled_from([method for method, _ in methods()]))
async def test_no_bytes_break_a_method(server: Server, method: str, body: bytes) -> None:
    """What is no message at all is the caller's error as well."""
    code, told = await _code(server, method, body)
    assert code not in NEVER, told
    assert not [leak for leak in LEAKS if leak in told]
