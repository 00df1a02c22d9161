"""Random worlds and rules for Hypothesis: small, and full of what goes wrong in real tenants."""

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
PIECES = [*TEXTS, *MAILS, "fin", "i", "ss", "e", "a", "@x", "true", "1", "2.5", "-", "0000"]
PARTS = "onPremisesExtensionAttributes"
SYNCABLE = ["department", "level", "isRemote", "skills", PARTS, "otherMails", "proxyAddresses", "manager"]
ATTRIBUTES = [*SYNCABLE, f"{PARTS}.extensionAttribute1", "id", "mail", "userPrincipalName", "accountEnabled", "nothing"]
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
    st.fixed_dictionaries({"accountEnabled": st.sampled_from([True] * 7 + [False])}, optional=_ATTRIBUTE_VALUES),
    st.sampled_from([None, *USERS, OUTSIDE_USER]),
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A tenant of a few users and groups, mostly synced as a whole."""
    groups = draw(st.dictionaries(st.sampled_from(GROUPS), st.sampled_from(TEXTS), max_size=6))
    holders = st.sampled_from([*groups, *groups, *groups, *OUTSIDE_GROUPS])
    return World(
        users=draw(st.dictionaries(st.sampled_from(USERS), humans, min_size=1, max_size=4)),
        groups=groups,
        opaque=draw(st.frozensets(st.sampled_from(sorted(groups)), max_size=1)) if groups else frozenset(),
        members=draw(st.frozensets(st.tuples(holders, st.sampled_from(USERS)), max_size=6)),
        nesting=draw(st.frozensets(st.tuples(holders, holders), max_size=7)),
        attributes=draw(st.sampled_from([frozenset(SYNCABLE)] * 2) | st.frozensets(st.sampled_from(SYNCABLE))),
        is_whole=draw(st.sampled_from([True, True, False])),
        ambiguous_entries=draw(st.lists(st.sampled_from(TEXTS), max_size=1).map(tuple)),
    )


@st.composite
def _tests(draw: st.DrawFn) -> Test:
    operator = draw(st.sampled_from(OPERATORS))
    what = draw(st.sampled_from(["group", "group", "attribute", "user", "manager"]))
    ids = [*GROUPS, *OUTSIDE_GROUPS, GROUPS[0].upper()] if what == "group" else [*USERS, OUTSIDE_USER, USERS[0].upper()]
    texts = PIECES if operator not in ("IS", "IS_NOT") or what == "attribute" else [*TEXTS, *MAILS]
    value = st.sampled_from(texts) | st.sampled_from(ids)
    values = () if operator == "IS_SET" else tuple(draw(st.lists(value, min_size=1, max_size=3)))
    name = draw(st.sampled_from(ATTRIBUTES)) if what == "attribute" else ""
    return Test(what, operator, values, name=name, direct_only=draw(st.booleans()))


rules: st.SearchStrategy[Rule] = st.recursive(
    _tests(),
    lambda inner: st.builds(
        Joined, st.sampled_from(["all_of", "any_of", "none_of"]), st.lists(inner, min_size=1, max_size=3).map(tuple)
    ),
    max_leaves=6,
)

names = st.sampled_from([*USERS, *USERS, USERS[0].upper(), OUTSIDE_USER, *MAILS])
