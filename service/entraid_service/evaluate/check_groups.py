"""What may be wrong with a condition on groups: groups that are not there, not synced, of one name, or unreadable.

An error is what leaves the condition unknown or false for everybody; a value that merely has no effect is a warning.
"""

from collections.abc import Iterator
from typing import Final

from entraid_service.evaluate.match import matcher
from entraid_service.evaluate.nearest import Names
from entraid_service.model.conditions import GroupCondition, Operator
from entraid_service.model.ids import GroupId, fold, is_guid
from entraid_service.model.issues import Issue, IssueCode, Severity
from entraid_service.snapshot.catalog import GroupCatalog

_MOST_CANDIDATES: Final = 5


def check_group_condition(condition: GroupCondition, catalog: GroupCatalog, names: Names) -> Iterator[Issue]:
    """Everything that is to be said about it; `names` are those of the catalog."""
    match condition.operator:
        case Operator.IS | Operator.IS_NOT:
            yield from _check_whole(condition, catalog, names)
        case Operator.DOES_NOT_CONTAIN if not catalog.is_whole_directory:
            yield Issue(
                condition.field,
                Severity.ERROR,
                IssueCode.NEVER_HOLDS,
                "only some groups are synced, so nobody can be told to be in no group of such a name: rule out groups "
                "by name or object ID with IS_NOT, or sync the whole directory",
            )
        case Operator.IS_SET:
            return
        case _:
            yield from _check_patterns(condition, catalog, names)


def _check_whole(condition: GroupCondition, catalog: GroupCatalog, names: Names) -> Iterator[Issue]:
    groups = [_named(value, catalog) for value in condition.values]
    is_effective = any(group is not None for group in groups)
    for index, (value, group) in enumerate(zip(condition.values, groups, strict=True)):
        field = f"{condition.field}.values[{index}]"
        if group is not None:
            yield from _check_readable(field, condition, group, catalog)
        elif catalog.is_ambiguous(fold(value)) and not is_guid(value):
            yield _ambiguous(field, value, catalog)
        elif not catalog.is_whole_directory or value.lower() in catalog.closure.outside:
            yield _not_synced(field, value, names)
        else:
            is_grave = not (condition.operator.is_negative or is_effective)
            yield _not_found(field, value, names, severity=Severity.ERROR if is_grave else Severity.WARNING)


def _check_readable(field: str, condition: GroupCondition, group: GroupId, catalog: GroupCatalog) -> Iterator[Issue]:
    if group in (catalog.closure.opaque if condition.direct_only else catalog.closure.leaky):
        consequence = (
            "nobody can be told not to be in it" if condition.operator.is_negative else "members may be missed"
        )
        yield Issue(
            field,
            Severity.ERROR if condition.operator.is_negative else Severity.WARNING,
            IssueCode.GROUP_MEMBERS_UNREADABLE,
            f"the membership of the group `{catalog.label(group)}`, or of a group in it, cannot be read, so "
            f"{consequence}: grant the app Member.Read.Hidden, or use another group",
        )


def _check_patterns(condition: GroupCondition, catalog: GroupCatalog, names: Names) -> Iterator[Issue]:
    folded = catalog.folded.values()
    matching = [matcher(condition.operator, (fold(value),))(folded) for value in condition.values]
    is_grave = not (condition.operator.is_negative or any(matching))
    how = "starts with" if condition.operator is Operator.STARTS_WITH else "contains"
    for index, (value, is_matching) in enumerate(zip(condition.values, matching, strict=True)):
        if not is_matching:
            yield Issue(
                f"{condition.field}.values[{index}]",
                Severity.ERROR if is_grave else Severity.WARNING,
                IssueCode.VALUE_MATCHES_NOTHING,
                f"no synced group has a name that {how} `{value}`: check the spelling",
                names.nearest(value),
            )


def _named(value: str, catalog: GroupCatalog) -> GroupId | None:
    if not is_guid(value):
        return catalog.named(fold(value))
    group = GroupId(value.lower())
    return group if group in catalog else None


def _ambiguous(field: str, value: str, catalog: GroupCatalog) -> Issue:
    folded = fold(value)
    candidates = sorted(group for group, name in catalog.folded.items() if name == folded)
    return Issue(
        field,
        Severity.ERROR,
        IssueCode.GROUP_NAME_AMBIGUOUS,
        f"several groups are named `{value}`, so it matches nobody: give the object ID of the one that is meant",
        tuple(candidates[:_MOST_CANDIDATES]),
    )


def _not_synced(field: str, value: str, names: Names) -> Issue:
    return Issue(
        field,
        Severity.ERROR,
        IssueCode.GROUP_NOT_SYNCED,
        f"the group `{value}` is not synced, so nobody can tell who is in it: add it to Groups to Sync, or use a "
        "group that is synced",
        _alike(value, names),
    )


def _not_found(field: str, value: str, names: Names, *, severity: Severity) -> Issue:
    what = f"no group has the object ID `{value}`" if is_guid(value) else f"no group is named `{value}`"
    return Issue(
        field,
        severity,
        IssueCode.GROUP_NOT_FOUND,
        f"{what}: it was deleted or renamed, or is misspelt; use a group that exists",
        _alike(value, names),
    )


def _alike(value: str, names: Names) -> tuple[str, ...]:
    return () if is_guid(value) else names.nearest(value)
