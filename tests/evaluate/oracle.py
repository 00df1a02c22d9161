"""A second evaluator, written from the rules alone: slow, obvious, and without a line of the service's.

Outcomes are 0 (not so), 1 (nobody can tell) and 2 (so).
"""

import json
import re
import unicodedata

from evaluate.world import Human, Joined, Rule, Test, World

CORE = {"displayName", "userPrincipalName", "mail", "accountEnabled", "userType", "id"}


def same_name(text: str) -> str:
    """Names of users: case and compatible spellings do not matter."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def looks_like_id(text: str) -> bool:
    """Whether a value is meant as an object id."""
    return bool(re.fullmatch("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text))


def who(world: World, asked: str) -> str | None:
    """The object id of the one user meant; None for nobody or several."""
    by_id = [u for u in world.users if u == asked.lower()]
    by_upn = [u for u in world.users if same_name(upn(world, u)) == same_name(asked)]
    by_mail = [u for u in world.users if same_name(asked) in map(same_name, mails(world, u))]
    for hits in (by_id, by_upn, by_mail):
        if hits:
            return hits[0] if len(hits) == 1 else None
    return None


def allows(world: World, rule: Rule, asked: str) -> bool:
    """The decision."""
    found = who(world, asked)
    if found is None or world.users[found].attributes.get("accountEnabled") is not True:
        return False
    return outcome(world, rule, found) == 2


def outcome(world: World, rule: Rule, u: str) -> int:
    """Kleene's logic over the leaves."""
    if isinstance(rule, Joined):
        inner = [outcome(world, part, u) for part in rule.rules]
        return {"all_of": min(inner), "any_of": max(inner), "none_of": 2 - max(inner)}[rule.how]
    is_negative = rule.operator in ("IS_NOT", "DOES_NOT_CONTAIN")
    leaf = {"group": group_leaf, "attribute": attribute_leaf, "user": user_leaf, "manager": manager_leaf}[rule.what]
    positive = leaf(world, rule, u)
    return 2 - positive if is_negative else positive


def compares(operator: str, text: str, value: str) -> bool:
    """One text with one value, both folded."""
    if operator in ("IS", "IS_NOT"):
        return text == value
    return text.startswith(value) if operator == "STARTS_WITH" else value in text


def attribute_leaf(world: World, rule: Test, u: str) -> int:
    """Whether an attribute matches."""
    if rule.name not in CORE and (rule.name == "manager" or not world.knows(rule.name)):
        return 1
    human = world.users[u]
    value = u if rule.name == "id" else human.attributes.get(rule.name)
    if value is None and any(name.startswith(rule.name + ".") for name in human.attributes):
        return 2 if rule.operator == "IS_SET" else 1
    if rule.operator == "IS_SET":
        return 0 if value is None else 2
    items = [] if value is None else value if isinstance(value, list) else [value]
    texts = [item if isinstance(item, str) else json.dumps(item) for item in items]
    return 2 * any(compares(rule.operator, t.casefold(), v.casefold()) for t in texts for v in rule.values)


def upn(world: World, u: str) -> str:
    """The sign-in name."""
    return str(world.users[u].attributes.get("userPrincipalName", ""))


def mails(world: World, u: str) -> list[str]:
    """Every synced mail address."""
    human = world.users[u]
    found = [str(human.attributes["mail"])] if "mail" in human.attributes else []
    found += synced_list(world, human, "otherMails")
    found += [a[5:] for a in synced_list(world, human, "proxyAddresses") if a.lower().startswith("smtp:")]
    return found


def synced_list(world: World, human: Human, name: str) -> list[str]:
    """A list attribute, empty where it is not synced."""
    value = human.attributes.get(name, [])
    return [str(item) for item in value] if name in world.attributes and isinstance(value, list) else []


def person_matches(world: World, rule: Test, u: str) -> int:
    """Whether a synced user is one of the values."""
    results = []
    knows_all_names = {"otherMails", "proxyAddresses"} <= world.attributes
    for value in rule.values:
        texts = [same_name(name) for name in (u, upn(world, u), *mails(world, u)) if name]
        if any(compares(rule.operator, text, same_name(value)) for text in texts):
            results.append(2)
        elif knows_all_names or (rule.operator in ("IS", "IS_NOT") and looks_like_id(value)):
            results.append(0)
        else:
            results.append(1)
    return max(results)


def user_leaf(world: World, rule: Test, u: str) -> int:
    """Whether the user matches."""
    return 2 if rule.operator == "IS_SET" else person_matches(world, rule, u)


def manager_leaf(world: World, rule: Test, u: str) -> int:
    """Whether the manager matches."""
    if "manager" not in world.attributes:
        return 1
    boss = world.users[u].manager
    if boss is None:
        return 0
    if rule.operator == "IS_SET":
        return 2
    if boss in world.users:
        return person_matches(world, rule, boss)
    results = []
    for value in rule.values:
        is_whole_id = rule.operator in ("IS", "IS_NOT") and looks_like_id(value)
        results.append(2 if compares(rule.operator, boss, same_name(value)) else 0 if is_whole_id else 1)
    return max(results)


def inside(world: World, g: str) -> set[str]:
    """A group and the synced groups in it, by going round until nothing is added."""
    found = {g}
    while True:
        more = {child for parent, child in world.nesting if parent in found and child in world.groups} - found
        if not more:
            return found
        found |= more


def is_in(world: World, g: str, u: str, *, direct_only: bool) -> int:
    """Whether a user is in a synced group."""
    groups = {g} if direct_only else inside(world, g)
    if any((each, u) in world.members for each in groups):
        return 2
    is_torn = not direct_only and any(p in groups and child not in world.groups for p, child in world.nesting)
    return 1 if is_torn or groups & world.opaque else 0


def group_leaf(world: World, rule: Test, u: str) -> int:
    """Whether the groups match."""
    if rule.operator in ("IS", "IS_NOT"):
        return max(whole_group(world, rule, value, u) for value in rule.values)
    results = [0 if world.is_whole else 1]
    results += [1 for g, member in world.members if member == u and g not in world.groups]
    for g, name in world.groups.items():
        if rule.operator == "IS_SET" or any(
            compares(rule.operator, name.casefold(), value.casefold()) for value in rule.values
        ):
            results.append(is_in(world, g, u, direct_only=rule.direct_only))
    return max(results)


def whole_group(world: World, rule: Test, value: str, u: str) -> int:
    """Whether the user is in the group that a value names."""
    if looks_like_id(value):
        named = [g for g in world.groups if g == value.lower()]
        mentioned = {end for edge in world.nesting for end in edge} | {g for g, member in world.members if member == u}
        if not named and value.lower() in mentioned:
            return 1
    else:
        named = [g for g, name in world.groups.items() if name.casefold() == value.casefold()]
        if len(named) > 1 or value.casefold() in [entry.casefold() for entry in world.ambiguous_entries]:
            return 1
    if not named:
        return 0 if world.is_whole else 1
    return is_in(world, named[0], u, direct_only=rule.direct_only)
