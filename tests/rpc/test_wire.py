"""The short readers and writers of protobuf's wire format, against the generated classes."""

from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from entraid.v1 import access_service_pb2 as pb
from entraid_service.rpc.wire import delimited, parts, repeated, tag

USER, CONDITION = tag(1), tag(2)
NAMES = st.text(max_size=300)
CONDITIONS = st.builds(
    lambda values: pb.Condition(group=pb.GroupCondition(values=values)), st.lists(NAMES, min_size=1, max_size=3)
)


@given(NAMES, CONDITIONS)
def test_plain_messages_are_read_as_they_were_written(user: str, condition: pb.Condition) -> None:
    """Both fields, however long; a field that is not there is another form."""
    data = pb.EvaluateAccessRequest(user=user, condition=condition).SerializeToString()
    expected = [user.encode(), condition.SerializeToString()] if user else None
    assert parts(data, bytes((USER, CONDITION))) == expected


@given(st.lists(NAMES, max_size=5))
def test_repeated_fields_are_read_in_their_order(users: list[str]) -> None:
    """Each as the bytes of a message of its own."""
    requests = [pb.EvaluateAccessRequest(user=user) for user in users]
    data = pb.BatchEvaluateAccessRequest(requests=requests).SerializeToString()
    assert repeated(data, tag(1)) == [request.SerializeToString() for request in requests]


@given(st.binary(max_size=60) | NAMES.map(lambda user: pb.EvaluateAccessRequest(user=user).SerializeToString()))
def test_what_is_read_from_any_bytes_is_what_protobuf_reads(data: bytes) -> None:
    """Never a field that the generated class would not find, and never an exception."""
    found = parts(data, bytes((USER, CONDITION)))
    if found is None:
        return
    user, condition = found
    try:
        message = pb.EvaluateAccessRequest.FromString(data)
    except DecodeError:
        # Texts that are no UTF-8, conditions that are no message: found later, by whoever reads the parts.
        return
    assert message.user.encode() == user
    assert message.condition == pb.Condition.FromString(condition)


@given(st.binary(max_size=60), st.integers(0, 70))
def test_a_message_cut_anywhere_is_another_form(content: bytes, cut: int) -> None:
    """Bytes that end too early hold nothing; the same with bytes too many."""
    data = delimited(1, content) + delimited(2, content)
    if cut < len(data):
        assert parts(data[:cut], bytes((USER, CONDITION))) is None
    assert parts(data + b"\0", bytes((USER, CONDITION))) is None


def test_a_size_without_end_is_another_form() -> None:
    """Protobuf takes ten bytes at most; five are more than a request may hold."""
    assert parts(bytes((USER, *([0xFF] * 40))), bytes((USER,))) is None
    assert repeated(bytes((USER, *([0x80] * 40))), USER) is None


@given(st.integers(0, 70_000), st.integers(1, 15))
def test_a_written_field_is_what_protobuf_writes(size: int, field: int) -> None:
    """Of every size: one, two and three bytes of it."""
    content = b"x" * size
    assert parts(delimited(field, content), bytes((tag(field),))) == [content]
    if field == 1 and size:
        assert delimited(1, content) == pb.EvaluateAccessRequest(user=content.decode()).SerializeToString()
