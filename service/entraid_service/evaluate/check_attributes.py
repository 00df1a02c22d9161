"""What may be wrong with a condition on an attribute: one that is not synced or not comparable, values never taken.

Only of attributes whose values are known beforehand can it be told that a value never occurs: those that are true or
false, and `userType`.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from entraid_service.evaluate.match import matcher
from entraid_service.evaluate.nearest import Names
from entraid_service.model.conditions import AttributeCondition, Operator
from entraid_service.model.directory import CORE_ATTRIBUTES, PARTS
from entraid_service.model.ids import fold
from entraid_service.model.issues import Issue, IssueCode, Severity
from entraid_service.model.scope import Scope

_MANAGER: Final = "manager"
_BOOLEAN: Final = ("true", "false")
# https://learn.microsoft.com/en-us/graph/api/resources/user#properties
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "accountEnabled": _BOOLEAN,
    "isManagementRestricted": _BOOLEAN,
    "isResourceAccount": _BOOLEAN,
    "onPremisesSyncEnabled": _BOOLEAN,
    "showInAddressList": _BOOLEAN,
    "userType": ("Member", "Guest"),
}


def check_attribute_condition(condition: AttributeCondition, scope: Scope) -> Iterator[Issue]:
    """Everything that is to be said about it."""
    name = condition.attribute
    field = f"{condition.field}.attribute"
    if name.partition(".")[0] == _MANAGER:
        yield Issue(
            field,
            Severity.ERROR,
            IssueCode.ATTRIBUTE_NOT_COMPARABLE,
            "the manager is no attribute that could be compared: use a manager condition",
        )
    elif name not in (*CORE_ATTRIBUTES, "id") and not scope.knows_attribute(name):
        yield _not_synced(field, name, scope)
    elif name in PARTS and condition.operator is not Operator.IS_SET:
        yield Issue(
            field,
            Severity.ERROR,
            IssueCode.ATTRIBUTE_NOT_COMPARABLE,
            f"`{name}` consists of several attributes: compare one of them",
            (f"{name}.extensionAttribute1",) if name == "onPremisesExtensionAttributes" else (),
        )
    elif name in _CHOICES and condition.operator is not Operator.IS_SET:
        yield from _check_choices(condition, _CHOICES[name])


def _check_choices(condition: AttributeCondition, choices: tuple[str, ...]) -> Iterator[Issue]:
    folded = [fold(choice) for choice in choices]
    matching = [matcher(condition.operator, (fold(value),))(folded) for value in condition.values]
    is_grave = not (condition.operator.is_negative or any(matching))
    for index, (value, is_matching) in enumerate(zip(condition.values, matching, strict=True)):
        if not is_matching:
            yield Issue(
                f"{condition.field}.values[{index}]",
                Severity.ERROR if is_grave else Severity.WARNING,
                IssueCode.VALUE_MATCHES_NOTHING,
                f"`{condition.attribute}` is never `{value}`: it is {' or '.join(choices)}",
                Names(choices).nearest(value) or choices,
            )
    if condition.attribute == "accountEnabled" and not is_grave and not _holds_of(condition, "true"):
        yield Issue(
            condition.field,
            Severity.ERROR,
            IssueCode.NEVER_HOLDS,
            "this holds of disabled accounts only, and these are denied before any condition is looked at: leave it "
            "out, or turn it round",
        )


def _holds_of(condition: AttributeCondition, text: str) -> bool:
    is_matching = matcher(condition.operator, [fold(value) for value in condition.values])((text,))
    return is_matching != condition.operator.is_negative


def _not_synced(field: str, name: str, scope: Scope) -> Issue:
    return Issue(
        field,
        Severity.ERROR,
        IssueCode.ATTRIBUTE_NOT_SYNCED,
        f"the attribute `{name}` is not synced, so nobody can tell what it is: correct its name, or add it to the "
        "attributes that the service syncs",
        Names(sorted(_comparable(name, scope))).nearest(name),
    )


def _comparable(name: str, scope: Scope) -> set[str]:
    """The names that this one may stand for: with a dot in it the parts of its attribute, if that is known."""
    known = {*CORE_ATTRIBUTES, *scope.attributes} - {_MANAGER}
    if "." not in name:
        return known
    parts = {f"{whole}.{part}" for whole in PARTS.keys() & known for part in PARTS[whole]}
    return {part for part in parts if part.startswith(f"{name.partition('.')[0]}.")} or known | parts
