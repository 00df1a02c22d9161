"""Random worlds and rules for Hypothesis: small, and full of what goes wrong in real tenants."""

from collections.abc import Iterable

from hypothesis import strategies as st

from evaluate.world import Human, Joined, Rule, Test, World, guid

USERS = [guid("a", number) for number in range(4)]
GROUPS = [guid("b", number) for number in range(6)]
OUTSIDE_GROUPS = [guid("c", number) for number in range(2)]
OUTSIDE_USER = guid("d", 0)

TEXTS = [
    "Finance",
    "finance",
    "\N{LATIN SMALL LIGATURE FI}nance ops",
    "İstanbul",
    "istanbul",
    "ISTANBUL",
    "ıstanbul",
    "Straße",
    "STRASSE",
    "café",
    "cafe\N{COMBINING ACUTE ACCENT}",
    "ΣΊΣΥΦΟΣ",
    "σίσυφος",
]
MAILS = [
    "ada@x",
    "Ada@X",
    "straße@x",
    "strasse@x",
    "i\N{COMBINING DOT ABOVE}@x",
    "İ@x",
    "\N{FULLWIDTH LATIN SMALL LETTER B}ob@x",
]
PARTS = "onPremisesExtensionAttributes"
SYNCABLE = ["department", "level", "isRemote", "skills", PARTS, "otherMails", "proxyAddresses", "manager"]
ATTRIBUTES = [
    *SYNCABLE,
    "department",
    "department",
    "skills",
    f"{PARTS}.extensionAttribute1",
    "id",
    "mail",
    "userPrincipalName",
    "accountEnabled",
    "nothing",
]
OPERATORS = ["IS", "IS_NOT", "CONTAINS", "DOES_NOT_CONTAIN", "STARTS_WITH", "IS_SET"]

_ATTRIBUTE_VALUES = {
    "userPrincipalName": st.sampled_from(MAILS),
    "mail": st.sampled_from(MAILS),
    "otherMails": st.lists(st.sampled_from(MAILS), min_size=1, max_size=2),
    "proxyAddresses": st.lists(
        st.sampled_from([f"{kind}:{mail}" for kind in ("SMTP", "smtp", "x500") for mail in MAILS]),
        min_size=1,
        max_size=2,
    ),
    "department": st.sampled_from(TEXTS),
    "level": st.sampled_from([1, 2.5, 1e20]),
    "isRemote": st.booleans(),
    "skills": st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3),
    f"{PARTS}.extensionAttribute1": st.sampled_from(TEXTS),
}

humans = st.builds(
    Human,
    st.fixed_dictionaries({"accountEnabled": st.sampled_from([True] * 15 + [False])}, optional=_ATTRIBUTE_VALUES),
    st.sampled_from([None, *USERS, OUTSIDE_USER]),
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A tenant of a few users and groups, mostly synced as a whole."""
    groups = draw(st.dictionaries(st.sampled_from(GROUPS), st.sampled_from(TEXTS), min_size=1, max_size=6))
    holders = st.sampled_from([*groups, *groups, *groups, *groups, *OUTSIDE_GROUPS])
    return World(
        users=draw(st.dictionaries(st.sampled_from(USERS), humans, min_size=1, max_size=4)),
        groups=groups,
        opaque=draw(st.frozensets(st.sampled_from(sorted(groups)), max_size=1)),
        members=draw(st.frozensets(st.tuples(holders, st.sampled_from(USERS)), min_size=2, max_size=8)),
        nesting=draw(st.frozensets(st.tuples(holders, holders), min_size=2, max_size=8)),
        attributes=draw(st.sampled_from([frozenset(SYNCABLE)] * 3) | st.frozensets(st.sampled_from(SYNCABLE))),
        is_whole=draw(st.sampled_from([True, True, False])),
        ambiguous_entries=draw(st.lists(st.sampled_from(TEXTS), max_size=1).map(tuple)),
    )


def _variants(texts: Iterable[str]) -> list[str]:
    """Texts as they are, in other letters, and in part."""
    found = set(texts)
    changed = {each for text in found for each in (text.upper(), text.casefold(), text[:3], text[2:6], text[-3:])}
    return sorted(text for text in found | changed if text.strip())


def _values_for(world: World, what: str, name: str) -> list[str]:
    """What a test of this kind could be meant to match."""
    if what == "group":
        return _variants([*world.groups, *world.groups.values(), *OUTSIDE_GROUPS, *TEXTS[:2]])
    names = ("userPrincipalName", "mail", "otherMails", "proxyAddresses") if what in ("user", "manager") else (name,)
    held = [human.attributes[each] for human in world.users.values() for each in names if each in human.attributes]
    texts = [str(item) for value in held for item in (value if isinstance(value, list) else [value])]
    return _variants([*texts, *world.users, OUTSIDE_USER, "true", "1e+20"])


@st.composite
def leaves_of(draw: st.DrawFn, world: World, kinds: tuple[str, ...]) -> Test:
    """A test of one of these kinds, most of whose values have to do with what the world holds."""
    operator = draw(st.sampled_from(OPERATORS))
    what = draw(st.sampled_from(kinds))
    name = draw(st.sampled_from(ATTRIBUTES)) if what == "attribute" else ""
    values = st.lists(st.sampled_from(_values_for(world, what, name)), min_size=1, max_size=3)
    chosen = () if operator == "IS_SET" else tuple(draw(values))
    return Test(what, operator, chosen, name=name, direct_only=draw(st.booleans()))


def rules(world: World) -> st.SearchStrategy[Rule]:
    """Rules that have to do with a world."""
    return st.recursive(
        leaves_of(world, ("group", "group", "attribute", "attribute", "user", "manager")),
        lambda inner: st.builds(
            Joined,
            st.sampled_from(["all_of", "any_of", "none_of"]),
            st.lists(inner, min_size=1, max_size=3).map(tuple),
        ),
        max_leaves=5,
    )


@st.composite
def questions(draw: st.DrawFn) -> tuple[World, Rule, str]:
    """A world, a rule that has to do with it, and a name that is mostly one of its users'."""
    world = draw(worlds())
    rule = draw(rules(world))
    ids = sorted(world.users)
    asked = draw(st.sampled_from([*ids, *ids, ids[0].upper(), OUTSIDE_USER, draw(st.sampled_from(MAILS))]))
    return world, rule, asked
