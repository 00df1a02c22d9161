"""Random scripts of changes to a tenant: everything that administrators and people do, in any order."""

import random
from collections.abc import Callable

from entraid_emulator import Directory, Json, ObjectId

Change = Callable[[Directory, random.Random], None]


def _user(directory: Directory, rng: random.Random) -> ObjectId:
    return rng.choice(sorted(directory.truth().users))


def _group(directory: Directory, rng: random.Random) -> ObjectId:
    return rng.choice(sorted(directory.truth().groups))


def _new_id(rng: random.Random) -> str:
    return f"{rng.getrandbits(32):08x}-{rng.getrandbits(16):04x}-4000-8000-{rng.getrandbits(48):012x}"


def hire(directory: Directory, rng: random.Random) -> None:
    """A new user, perhaps in a group at once."""
    new = _new_id(rng)
    user = directory.add_user(
        {
            "id": new,
            "displayName": f"Person {new[:4]}",
            "userPrincipalName": f"{new[:8]}@contoso.example",
            "mail": rng.choice([None, f"{new[:8]}@contoso.example"]),
            "accountEnabled": True,
            "userType": "Member",
            "createdDateTime": "2026-11-22T10:00:00Z",
        }
    )
    if rng.random() < 0.7:
        directory.add_member(_group(directory, rng), user)


def edit(directory: Directory, rng: random.Random) -> None:
    """Attributes set, changed and cleared; simple ones, lists, and complex ones in part."""
    changes: list[dict[str, Json]] = [
        {"department": rng.choice(["Sales", "IT", None])},
        {"jobTitle": rng.choice(["Engineer", "O'Neill's deputy", None]), "city": rng.choice(["Rome", None])},
        {"otherMails": rng.choice([[], ["a@x.example"], ["a@x.example", "b@x.example"]])},
        {
            "onPremisesExtensionAttributes": {
                "extensionAttribute1": rng.choice(["A", None]),
                "extensionAttribute2": "B",
            }
        },
        {"onPremisesExtensionAttributes": None},
        {"employeeOrgData": rng.choice([None, {"costCenter": "1", "division": None}])},
        {"accountEnabled": rng.choice([True, False])},
        {"displayName": f"Renamed {rng.randrange(9)}"},
    ]
    change = rng.choice(changes)
    directory.update_user(_user(directory, rng), change)


def manage(directory: Directory, rng: random.Random) -> None:
    """A manager for somebody, or none any more."""
    directory.set_manager(_user(directory, rng), rng.choice([None, _user(directory, rng)]))


def dismiss(directory: Directory, rng: random.Random) -> None:
    """A user is deleted, so that he can be restored."""
    if len(directory.truth().users) > 5:
        directory.delete_user(_user(directory, rng))


def restore(directory: Directory, rng: random.Random) -> None:
    """Something that was deleted comes back with all that it had."""
    if directory.deleted:
        thing = rng.choice(sorted(directory.deleted))
        if directory.deleted[thing].odata_type.endswith("user"):
            directory.restore_user(thing)
        else:
            directory.restore_group(thing)


def purge(directory: Directory, rng: random.Random) -> None:
    """A deleted user is deleted for good."""
    users = sorted(thing for thing, entry in directory.deleted.items() if entry.odata_type.endswith("user"))
    if users:
        directory.purge_user(rng.choice(users))


def found(directory: Directory, rng: random.Random) -> None:
    """A new group with members, now and then of a name that is taken."""
    new = _new_id(rng)
    kinds: list[dict[str, Json]] = [
        {"groupTypes": [], "securityEnabled": True, "mailEnabled": False},
        {"groupTypes": ["Unified"], "securityEnabled": False, "mailEnabled": True},
    ]
    kind = rng.choice(kinds)
    group = directory.add_group(
        {"id": new, "displayName": rng.choice(["Approvers", f"Group {new[:4]}"]), "mailNickname": new[:8], **kind}
    )
    for _ in range(rng.randrange(4)):
        directory.add_member(group, _user(directory, rng))


def rename(directory: Directory, rng: random.Random) -> None:
    """A group gets another name."""
    directory.update_group(_group(directory, rng), {"displayName": f"Renamed {rng.randrange(9)}"})


def dissolve(directory: Directory, rng: random.Random) -> None:
    """A group is deleted."""
    if len(directory.truth().groups) > 5:
        directory.delete_group(_group(directory, rng))


def join(directory: Directory, rng: random.Random) -> None:
    """Users come into groups."""
    for _ in range(rng.randrange(1, 4)):
        group, user = _group(directory, rng), _user(directory, rng)
        if not directory.is_member(group, user):
            directory.add_member(group, user)


def leave(directory: Directory, rng: random.Random) -> None:
    """Somebody or something leaves a group."""
    truth = directory.truth()
    group = rng.choice([group for group, members in truth.members.items() if members] or [None])
    if group is not None:
        directory.remove_member(group, rng.choice(sorted(truth.members[group])))


def nest(directory: Directory, rng: random.Random) -> None:
    """A group comes into a group; cycles are no matter. Microsoft 365 groups neither nest nor are nested.

    https://learn.microsoft.com/entra/fundamentals/how-to-manage-groups
    """
    groups = directory.truth().groups
    classic = sorted(group for group, properties in groups.items() if "Unified" not in str(properties["groupTypes"]))
    outer, inner = rng.choice(classic), rng.choice(classic)
    if outer != inner and not directory.is_member(outer, inner):
        directory.add_member(outer, inner)


CHANGES: tuple[tuple[Change, int], ...] = (
    (hire, 3),
    (edit, 6),
    (manage, 2),
    (dismiss, 2),
    (restore, 2),
    (purge, 1),
    (found, 2),
    (rename, 1),
    (dissolve, 1),
    (join, 6),
    (leave, 5),
    (nest, 2),
)


def play(directory: Directory, seed: int) -> list[str]:
    """Makes the changes of a seed, and tells their names."""
    rng = random.Random(seed)  # noqa: S311 - a script to repeat, no secret
    changes = rng.choices([c for c, _ in CHANGES], [weight for _, weight in CHANGES], k=rng.randrange(9))
    for change in changes:
        change(directory, rng)
    return [change.__name__ for change in changes]
