"""The "new enemy": somebody was thrown out, and is asked about at the very data that throwing him out made."""

import pytest

from entraid.v1 import access_service_pb2 as access
from entraid_emulator import Emulator
from entraid_emulator.tenants.contoso_groups import contoso_id
from entraid_emulator.tenants.contoso_people import person_id
from workers.harness import CALL_SECONDS, Line, Load, question

ENGINEERING = contoso_id("g", 2)
ENEMY = person_id(21)


@pytest.mark.timeout(120)
def test_whoever_was_removed_is_never_allowed_at_the_token_of_the_sync(
    emulator: Emulator, connection: str, lines: list[Line]
) -> None:
    """Forty times, under load, over connections to both workers."""
    _hunt(emulator, connection, lines, rounds=40)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_same_a_thousand_times(emulator: Emulator, connection: str, lines: list[Line]) -> None:
    """What happens once in a hundred times happens here."""
    _hunt(emulator, connection, lines, rounds=1000)


def _hunt(emulator: Emulator, connection: str, lines: list[Line], *, rounds: int) -> None:
    directory = emulator.tenants[0].directory
    user = f"{connection}/users/{ENEMY}"
    wrong = 0
    with Load(lines[:2], question(user, "Engineering")) as load:
        for number in range(rounds):
            directory.add_member(ENGINEERING, ENEMY)
            line = lines[number % len(lines)]
            wrong += not all(_asked(lines, user, line.sync(connection)))
            directory.remove_member(ENGINEERING, ENEMY)
            wrong += any(_asked(lines, user, line.sync(connection)))
    assert wrong == 0
    assert load.answers > rounds
    assert load.errors == []


def _asked(lines: list[Line], user: str, token: str) -> list[bool]:
    """What every line says at once."""
    request = question(user, "Engineering", token=token)
    calls = [line.evaluate.future(request, timeout=CALL_SECONDS) for line in lines]
    return [call.result().decision == access.DECISION_ALLOW for call in calls]
