"""Delta under random changes: a naive client's copy ends in the directory's own truth, whatever came when."""

import random
from collections.abc import Callable

import pytest

from emulator.replica import Replica, directory
from emulator.wire import Wire
from entraid_emulator import Behaviour, Directory, Emulator, ObjectId, contoso

Start = Callable[[Emulator], Wire]

HOSTILE = Behaviour(
    delta_page_size=3,
    delta_page_members=4,
    empty_pages=True,
    delta_replays=5,
    delta_disorder=True,
    delta_initial_removed=True,
)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "behaviour", [Behaviour(delta_page_size=5, delta_page_members=9), HOSTILE], ids=["calm", "hostile"]
)
def test_rounds_under_random_changes_end_in_the_truth(start: Start, seed: int, behaviour: Behaviour) -> None:
    """Also when things change between the pages of a round: after one more round the copy is the directory."""
    wire = start(Emulator([contoso()], behaviour=behaviour))
    wire.emulator.app.grants[wire.emulator.tenants[0].tenant_id] |= {"Member.Read.Hidden"}
    dice, own = random.Random(seed), directory(wire)  # noqa: S311 - a script, no secret
    replica = Replica(wire)
    replica.round(lambda: change(own, dice))
    for _ in range(4):
        for _ in range(dice.randrange(12)):
            change(own, dice)
        replica.round((lambda: change(own, dice)) if dice.random() < 0.5 else None)
        replica.round()
        assert replica.differences(own) == []


def change(own: Directory, dice: random.Random) -> None:
    """One change of any kind."""
    users = [ObjectId(str(user["id"])) for _, user in own.users.scan()]
    groups = [ObjectId(str(group["id"])) for _, group in own.groups.scan()]
    gone = [(one, entry.odata_type.endswith("user")) for one, entry in own.deleted.items()]
    user, group = dice.choice(users), dice.choice(groups)
    present = [one for one in own.members_of(group) if one is not None]
    match dice.randrange(11):
        case 0:
            own.update_user(user, {"department": dice.choice(["A", "B", None]), "accountEnabled": dice.random() < 0.5})
        case 1:
            own.update_group(group, {"displayName": f"G{dice.randrange(100)}", "description": None})
        case 2 | 3:
            own.add_member(group, dice.choice(users + groups))
        case 4 if present:
            own.remove_member(group, dice.choice(present))
        case 5 if len(users) > 10:
            (own.delete_user if dice.random() < 0.7 else own.purge_user)(user)
        case 6 if len(groups) > 5:
            own.delete_group(group)
        case 7 | 8 if gone:
            named, is_user = dice.choice(gone)
            if dice.random() < 0.6:
                (own.restore_user if is_user else own.restore_group)(named)
            else:
                (own.purge_user if is_user else own.purge_group)(named)
        case 9:
            own.set_manager(user, dice.choice([None, *users]))
        case _:
            number = dice.randrange(1 << 40)
            own.add_user(
                {
                    "id": f"12121212-0000-4000-8000-{number:012x}",
                    "userPrincipalName": f"n{number}@x",
                    "displayName": "New",
                }
            )
