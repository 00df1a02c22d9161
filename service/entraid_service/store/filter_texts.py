"""What the fields of a row are as texts, and how these compare: exactly as the attributes of conditions do.

Texts compare folded (`model.ids.fold`); an empty field has none. The names of the fields are those of the contract.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias

from entraid_service.evaluate.match import Matcher, matcher
from entraid_service.model.conditions import Operator
from entraid_service.model.directory import Group, User
from entraid_service.model.filters import ATTRIBUTES, Comparison
from entraid_service.model.ids import fold
from entraid_service.snapshot.person import folded_texts

UserTest: TypeAlias = Callable[[User], bool]
GroupTest: TypeAlias = Callable[[Group], bool]

_TEXT_FIELDS: Final[Mapping[str, str]] = {
    "display_name": "displayName",
    "user_principal_name": "userPrincipalName",
    "mail": "mail",
    "user_type": "userType",
}


def user_test(tree: Comparison, parent: str) -> UserTest:
    """Whether a user passes a comparison. `parent` is the connection's resource name, `connections/...`."""
    texts = _user_texts(tree.field, parent)
    if tree.operator is Operator.IS_SET and tree.field.startswith(ATTRIBUTES):
        parts = f"{tree.field.removeprefix(ATTRIBUTES)}."
        return lambda user: bool(texts(user)) or any(name.startswith(parts) for name in user.attributes)
    matches = _matcher(tree)
    return lambda user: matches(texts(user))


def group_test(tree: Comparison, parent: str) -> GroupTest:
    """Whether a group passes a comparison."""
    matches = _matcher(tree)
    if tree.field == "name":
        return lambda group: matches(_folded((f"{parent}/groups/{group.id}",)))
    text = _GROUP_TEXTS[tree.field]
    return lambda group: matches(_folded((text(group),)))


def _matcher(tree: Comparison) -> Matcher:
    return matcher(tree.operator, (fold(tree.text),))


def _folded(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(fold(text) for text in texts if text)


def _user_texts(field: str, parent: str) -> Callable[[User], tuple[str, ...]]:
    if field in _TEXT_FIELDS:
        attribute = _TEXT_FIELDS[field]
        return lambda user: _folded((user.text(attribute),))
    match field:
        case "name":
            return lambda user: _folded((f"{parent}/users/{user.id}",))
        case "object_id" | "attributes.id":
            return lambda user: (user.id,)
        case "account_enabled":
            return lambda user: ("true" if user.is_enabled else "false",)
        case "manager":
            return lambda user: (
                () if user.manager_id is None else _folded((f"{parent}/users/{user.manager_id}", user.manager_id))
            )
        case _:
            return _attribute_texts(field.removeprefix(ATTRIBUTES))


def _attribute_texts(name: str) -> Callable[[User], tuple[str, ...]]:
    def texts(user: User) -> tuple[str, ...]:
        value = user.attributes.get(name)
        return () if value is None else tuple(folded_texts(value))

    return texts


_GROUP_TEXTS: Final[Mapping[str, Callable[[Group], str]]] = {
    "object_id": lambda group: group.id,
    "display_name": lambda group: group.display_name,
    "description": lambda group: group.description,
    "mail": lambda group: group.mail,
    "kind": lambda group: f"KIND_{group.kind.name}",
    "membership_rule": lambda group: group.membership_rule,
}
