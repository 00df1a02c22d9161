"""Conditions on one attribute, on who the user is, and on who the manager is. Groups have a file of their own.

A positive operator asks whether any value matches; a negative one is the opposite of that, so that it holds of what is
empty, and is unknown where the positive one is.
"""

from entraid_service.evaluate.match import matcher
from entraid_service.evaluate.result import Finding, Node
from entraid_service.evaluate.wording import failed, passed
from entraid_service.model.candidates import Candidates
from entraid_service.model.conditions import AttributeCondition, ManagerCondition, Operator, UserCondition
from entraid_service.model.decision import Outcome, Reason, ReasonCode
from entraid_service.model.directory import CORE_ATTRIBUTES
from entraid_service.model.ids import UserId, fold, fold_name, is_guid
from entraid_service.model.scope import Scope
from entraid_service.snapshot.catalog import GroupCatalog
from entraid_service.snapshot.person import Person
from entraid_service.snapshot.snapshot import Snapshot

_ALWAYS_KNOWN = frozenset((*CORE_ATTRIBUTES, "id"))
_MANAGER = "manager"
_ALIASES = ("otherMails", "proxyAddresses")
"""Attributes that hold further mail addresses; the other names of a user are always synced."""
_MOST_TEXTS = 32
"""Of which an attribute's condition keeps how they came out."""


class _Answers:
    """The two known ways in which a test comes out, made once: `hit` if a value matches, `miss` if none does."""

    __slots__ = ("hit", "miss")

    def __init__(
        self, what: str, *, field: str, operator: Operator, if_passed: ReasonCode, if_failed: ReasonCode
    ) -> None:
        yes = Finding(Outcome.SATISFIED, Reason(if_passed, field, passed(what, operator)))
        no = Finding(Outcome.NOT_SATISFIED, Reason(if_failed, field, failed(what, operator)))
        self.hit, self.miss = (no, yes) if operator.is_negative else (yes, no)


def _unknown(field: str, message: str) -> Finding:
    return Finding(Outcome.UNKNOWN, Reason(ReasonCode.ATTRIBUTE_NOT_SYNCED, field, message))


class AttributeLeaf:
    """Compares one attribute."""

    children: tuple[Node, ...] = ()

    def __init__(self, condition: AttributeCondition) -> None:
        name = condition.attribute
        values = [fold(value) for value in condition.values]
        self.field = condition.field
        self._name = name
        self._matches = matcher(condition.operator, values)
        # Most attributes hold one text, and many people the same one. A user's own id is no attribute of the record.
        self._of_text: dict[str, Finding] = {}
        self._is_id = name == "id"
        self._is_always_known = name in _ALWAYS_KNOWN
        # The manager is an object of its own; an attribute of that name would look empty for everybody.
        self._is_manager = name.partition(".")[0] == _MANAGER
        answers = _Answers(
            f"the user's attribute `{name}`",
            field=self.field,
            operator=condition.operator,
            if_passed=ReasonCode.ATTRIBUTE_MATCHED,
            if_failed=ReasonCode.ATTRIBUTE_NOT_MATCHED,
        )
        self._hit, self._miss = answers.hit, answers.miss
        self._unknown = _unknown(self.field, _why_unknown(name, is_manager=self._is_manager))
        # A complex attribute as a whole can be set, but has no text that could be compared.
        self._if_parts = (
            self._hit
            if condition.operator is Operator.IS_SET
            else _unknown(self.field, f"`{name}` consists of several attributes: compare one of them, `{name}.…`")
        )
        self._scope: Scope | None = None
        self._is_known = False

    def test(self, snapshot: Snapshot, person: Person) -> Finding:
        """See `Node`."""
        scope = snapshot.version.scope
        if scope is not self._scope:  # nearly never: it is that of the last test
            self._scope, self._is_known = scope, self._is_always_known or self._is_synced(scope)
        if not self._is_known:
            return self._unknown
        value = None if self._is_id else person.value(self._name)
        if type(value) is str:
            known = self._of_text.get(value)
            if known is not None:
                return known
        texts = person.texts(self._name)
        if not texts:
            return self._if_parts if person.has_parts(self._name) else self._miss
        found = self._hit if self._matches(texts) else self._miss
        if type(value) is str and len(self._of_text) < _MOST_TEXTS:
            self._of_text[value] = found
        return found

    def candidates(self, groups: GroupCatalog) -> Candidates | None:
        """See `Node`: attributes are not looked up, they are read."""
        del groups
        return None

    def _is_synced(self, scope: Scope) -> bool:
        return not self._is_manager and scope.knows_attribute(self._name)


def _why_unknown(name: str, *, is_manager: bool) -> str:
    if is_manager:
        return "the manager is no attribute that could be compared: use a manager condition"
    return f"the attribute `{name}` is not synced: nobody can tell what it is"


class UserLeaf:
    """Compares the user's object id, user principal name and mail addresses."""

    children: tuple[Node, ...] = ()

    def __init__(self, condition: UserCondition) -> None:
        values = [fold_name(value) for value in condition.values]
        self.field = condition.field
        self._matches = matcher(condition.operator, values)
        self._candidates = Candidates(names=frozenset(values)) if condition.operator is Operator.IS else None
        self._is_by_name = _is_by_name(condition.operator, values)
        self._answers = _Answers(
            "the user's object ID, user principal name or mail",
            field=self.field,
            operator=condition.operator,
            if_passed=ReasonCode.USER_MATCHED,
            if_failed=ReasonCode.USER_NOT_MATCHED,
        )
        self._aliases_unknown = _unknown(self.field, _aliases_missing("user"))

    def test(self, snapshot: Snapshot, person: Person) -> Finding:
        """See `Node`."""
        if self._matches(person.names()):
            return self._answers.hit
        if self._is_by_name and not _knows_aliases(snapshot.version.scope):
            return self._aliases_unknown
        return self._answers.miss

    def candidates(self, groups: GroupCatalog) -> Candidates | None:
        """See `Node`."""
        del groups
        return self._candidates


class ManagerLeaf:
    """Compares the user's manager as the user is compared.

    A manager who is not synced is known by object id alone.
    """

    children: tuple[Node, ...] = ()

    def __init__(self, condition: ManagerCondition) -> None:
        values = [fold_name(value) for value in condition.values]
        self.field = condition.field
        self._is_for_any = condition.operator is Operator.IS_SET
        self._matches = matcher(condition.operator, values)
        self._is_by_name = _is_by_name(condition.operator, values)
        self._answers = _Answers(
            "the user's manager",
            field=self.field,
            operator=condition.operator,
            if_passed=ReasonCode.MANAGER_MATCHED,
            if_failed=ReasonCode.MANAGER_NOT_MATCHED,
        )
        self._aliases_unknown = _unknown(self.field, _aliases_missing("manager"))
        self._managers_unknown = _unknown(self.field, "managers are not synced: nobody can tell who the manager is")
        self._name_unknown = _unknown(
            self.field, "the user's manager is not synced: only the manager's object ID is known, name and mail are not"
        )

    def test(self, snapshot: Snapshot, person: Person) -> Finding:
        """See `Node`."""
        if _MANAGER not in snapshot.version.scope.attributes:
            return self._managers_unknown
        manager_id = person.manager_id
        if manager_id is None:
            return self._answers.miss
        if self._is_for_any:
            return self._answers.hit
        return self._compare(snapshot, manager_id)

    def candidates(self, groups: GroupCatalog) -> Candidates | None:
        """See `Node`: who reports to somebody is not looked up."""
        del groups
        return None

    def _compare(self, snapshot: Snapshot, manager_id: UserId) -> Finding:
        manager = snapshot.person(manager_id)
        if self._matches((fold_name(manager_id),) if manager is None else manager.names()):
            return self._answers.hit
        if self._is_by_name and manager is None:
            return self._name_unknown
        if self._is_by_name and not _knows_aliases(snapshot.version.scope):
            return self._aliases_unknown
        return self._answers.miss


def _is_by_name(operator: Operator, values: list[str]) -> bool:
    """Whether it takes all names of a person to say that none matches: not if only object ids are asked for."""
    if operator is Operator.IS_SET:
        return False
    is_whole = operator in (Operator.IS, Operator.IS_NOT)
    return not (is_whole and all(map(is_guid, values)))


def _knows_aliases(scope: Scope) -> bool:
    return all(name in scope.attributes for name in _ALIASES)


def _aliases_missing(whose: str) -> str:
    return (
        f"no name of the {whose} that is known matches, but `otherMails` or `proxyAddresses` are not synced: "
        "nobody can tell the other mail addresses"
    )
