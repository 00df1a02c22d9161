"""What a directory holds: Graph-shaped objects and the ids that name them. Values only; `directory` keeps them."""

from collections.abc import Mapping, Sequence
from typing import NewType, TypeAlias, Union

Json: TypeAlias = Union[bool, int, float, str, Sequence["Json"], Mapping[str, "Json"], None]  # noqa: UP007 - `|` takes no forward reference
"""Anything a JSON document can hold."""

GraphObject: TypeAlias = Mapping[str, Json]
"""A user, group, device, ... with the property names and value shapes that Microsoft Graph prints."""

TenantId = NewType("TenantId", str)
ObjectId = NewType("ObjectId", str)
ClientId = NewType("ClientId", str)

ODATA_TYPE = "@odata.type"
USER_TYPE = "#microsoft.graph.user"
GROUP_TYPE = "#microsoft.graph.group"
DEVICE_TYPE = "#microsoft.graph.device"
SERVICE_PRINCIPAL_TYPE = "#microsoft.graph.servicePrincipal"
CONTACT_TYPE = "#microsoft.graph.orgContact"


def object_id(thing: GraphObject) -> ObjectId:
    """The id of an object.

    Raises:
        ValueError: it has none, or one that is no text.
    """
    value = thing.get("id")
    if not isinstance(value, str) or not value:
        raise ValueError(f"a directory object needs a text `id`, got `{value!r}`")
    return ObjectId(value.lower())


def text(thing: GraphObject, name: str) -> str:
    """The text value of a property, empty when it is null, absent or no text."""
    value = thing.get(name)
    return value if isinstance(value, str) else ""
