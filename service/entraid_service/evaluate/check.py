"""Looks conditions over before they are used: for what is missing from a directory, and for what can never hold.

Two passes, because of where they may run: `check_people` reads users, so it needs the snapshot open and does not wait;
`check_leaf` looks at groups and attributes, which may take a while in a large tenant and may run in a thread.
"""

from collections.abc import Iterator
from typing import TypeAlias

from entraid_service.evaluate.check_attributes import check_attribute_condition
from entraid_service.evaluate.check_groups import check_group_condition
from entraid_service.evaluate.nearest import Names
from entraid_service.model.conditions import (
    AttributeCondition,
    GroupCondition,
    Leaf,
    ManagerCondition,
    Operator,
    UserCondition,
)
from entraid_service.model.ids import is_guid
from entraid_service.model.issues import Issue, IssueCode, Severity
from entraid_service.model.scope import Scope
from entraid_service.snapshot.catalog import GroupCatalog
from entraid_service.snapshot.snapshot import Nobody, Snapshot

_ALIASES = ("otherMails", "proxyAddresses")
_PersonCondition: TypeAlias = UserCondition | ManagerCondition


def check_leaf(leaf: Leaf, *, groups: GroupCatalog, names: Names, scope: Scope) -> Iterator[Issue]:
    """What is to be said about a condition without looking at users; `names` are those of the groups."""
    match leaf:
        case GroupCondition():
            yield from check_group_condition(leaf, groups, names)
        case AttributeCondition():
            yield from check_attribute_condition(leaf, scope)
        case UserCondition() | ManagerCondition():
            yield from _check_scope(leaf, scope)


def check_people(leaf: Leaf, snapshot: Snapshot) -> Iterator[Issue]:
    """What is to be said about the users whom a condition names.

    Raises:
        StoreUnavailable: The database cannot be read.
    """
    if not isinstance(leaf, UserCondition | ManagerCondition) or leaf.operator not in (Operator.IS, Operator.IS_NOT):
        return
    found = [snapshot.find(value) for value in leaf.values]
    is_effective = any(person is not Nobody.UNKNOWN for person in found)
    for index, (value, person) in enumerate(zip(leaf.values, found, strict=True)):
        field = f"{leaf.field}.values[{index}]"
        if person is Nobody.AMBIGUOUS:
            yield Issue(
                field,
                Severity.WARNING,
                IssueCode.USER_AMBIGUOUS,
                f"several users go by `{value}`, and all of them match: give the object ID of the one that is meant",
            )
        elif person is Nobody.UNKNOWN:
            # Somebody outside of what is synced can be a manager; he is known by object id.
            is_possible = isinstance(leaf, ManagerCondition) and is_guid(value)
            is_grave = not (leaf.operator.is_negative or is_effective or is_possible)
            yield Issue(
                field,
                Severity.ERROR if is_grave else Severity.WARNING,
                IssueCode.USER_NOT_FOUND,
                f"no synced user goes by `{value}`: give an object ID, a user principal name or a mail address of one",
            )


def _check_scope(leaf: _PersonCondition, scope: Scope) -> Iterator[Issue]:
    if isinstance(leaf, ManagerCondition) and "manager" not in scope.attributes:
        yield Issue(
            leaf.field,
            Severity.ERROR,
            IssueCode.ATTRIBUTE_NOT_SYNCED,
            "managers are not synced, so nobody can tell who reports to whom: add `manager` to the attributes that the "
            "service syncs",
        )
    elif _needs_aliases(leaf) and not all(name in scope.attributes for name in _ALIASES):
        yield Issue(
            leaf.field,
            Severity.ERROR if leaf.operator.is_negative else Severity.WARNING,
            IssueCode.ATTRIBUTE_NOT_SYNCED,
            "`otherMails` or `proxyAddresses` are not synced, so who does not match by another name may still match by "
            "these: use object IDs, or add both to the attributes that the service syncs",
        )


def _needs_aliases(leaf: _PersonCondition) -> bool:
    if leaf.operator is Operator.IS_SET:
        return False
    return leaf.operator not in (Operator.IS, Operator.IS_NOT) or not all(map(is_guid, leaf.values))
