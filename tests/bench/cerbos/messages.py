"""Questions to Cerbos, as its HTTP API and its gRPC API take them, and what its gRPC API answers.

A caller of Cerbos knows the user: all of the groups, and the attributes that policies ask about, go along with each
question. The few messages are written by hand: https://docs.cerbos.dev/cerbos/latest/api/
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from google.protobuf.struct_pb2 import ListValue, Value

from bench import tenant
from entraid_service.rpc.wire import delimited

METHOD = "/cerbos.svc.v1.CerbosService/CheckResources"
ACTION = "request"
ROLE = "user"
# Of each result the map entry from the action to its effect: 1 allows, 2 denies.
_EFFECT = re.compile(rb"\x12\x0b\x0a\x07request\x10(.)", re.DOTALL)
_ALLOWS = b"\x01"


@dataclass(frozen=True, slots=True)
class Question:
    """May this user ask for access by these flows? Users and flows by their numbers in the tenant."""

    user: int
    flows: Sequence[int]

    def as_json(self) -> dict[str, object]:
        """The body of a call to `/api/check/resources`."""
        principal = {"id": tenant.user_id(self.user), "roles": [ROLE], "attr": _attributes(self.user)}
        resources = [
            {"actions": [ACTION], "resource": {"kind": kind(flow), "id": str(number)}}
            for number, flow in enumerate(self.flows)
        ]
        return {"principal": principal, "resources": resources}

    def as_message(self) -> bytes:
        """A `cerbos.request.v1.CheckResourcesRequest`."""
        attributes = b"".join(
            delimited(4, _text(1, name) + delimited(2, _value(value).SerializeToString()))
            for name, value in _attributes(self.user).items()
        )
        principal = _text(1, tenant.user_id(self.user)) + _text(3, ROLE) + attributes
        resources = (
            delimited(4, _text(1, ACTION) + delimited(2, _text(1, kind(flow)) + _text(3, str(number))))
            for number, flow in enumerate(self.flows)
        )
        return delimited(3, principal) + b"".join(resources)


def kind(flow: int) -> str:
    """The kind of resource that stands for an access flow."""
    return f"flow-{flow}"


def allows(answer: bytes) -> list[bool]:
    """For each result of a `cerbos.response.v1.CheckResourcesResponse` whether it allows, in their order."""
    return [effect == _ALLOWS for effect in _EFFECT.findall(answer)]


def _attributes(user: int) -> Mapping[str, bool | str | list[str]]:
    known = tenant.user(user)
    return {
        "accountEnabled": known.is_enabled,
        "department": known.text("department"),
        "country": known.text("country"),
        "groups": [tenant.group_name(group) for group in tenant.groups(user)],
    }


def _text(field: int, value: str) -> bytes:
    return delimited(field, value.encode())


def _value(value: bool | str | list[str]) -> Value:
    if isinstance(value, bool):
        return Value(bool_value=value)
    if isinstance(value, str):
        return Value(string_value=value)
    return Value(list_value=ListValue(values=[Value(string_value=one) for one in value]))
