"""The guard against mass removal, and what delta links are bound to."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from entraid_service.model.changes import Removals
from entraid_service.model.connection import Connection, ConnectionState
from entraid_service.model.ids import ConnectionId, GroupId, TenantId
from entraid_service.sync.binding import binding
from entraid_service.sync.guard import Guard
from entraid_service.sync.reach import Nesting

NOW = datetime(2026, 11, 23, tzinfo=UTC)
CONNECTION = Connection(
    ConnectionId("c"), "uid", "", TenantId("t"), "app", ConnectionState.ACTIVE, NOW, NOW, groups_to_sync=("A", "B")
)


@pytest.mark.parametrize(
    ("removals", "held"),
    [
        (Removals((20, 100), (0, 0), (0, 0)), False),
        (Removals((21, 100), (0, 0), (0, 0)), True),
        (Removals((99, 99), (99, 99), (99, 99)), False),
        (Removals((0, 0), (101, 500), (0, 0)), True),
        (Removals((0, 500), (0, 500), (1_000_001, 5_000_000)), True),
        (Removals((0, 500), (0, 500), (1_000_000, 5_000_000)), False),
    ],
)
def test_more_than_the_percentage_of_a_hundred_or_more_is_held(removals: Removals, *, held: bool) -> None:
    """Of users, groups or memberships, each by itself; small numbers are never held."""
    objection = Guard(20).objection(removals)
    assert bool(objection) is held
    if held:
        assert "approve" in objection


def test_a_link_is_bound_to_all_that_it_depends_on() -> None:
    """Another tenant, app, attribute, cloud or group makes another binding; order does not."""
    url = "https://graph.microsoft.com/v1.0"
    here = binding(CONNECTION, ("mail", "city"), graph_url=url)
    assert binding(replace(CONNECTION, groups_to_sync=("B", "A")), ("city", "mail"), graph_url=url) == here
    others = {
        binding(replace(CONNECTION, tenant_id=TenantId("t2")), ("mail", "city"), graph_url=url),
        binding(replace(CONNECTION, client_id="app2"), ("mail", "city"), graph_url=url),
        binding(replace(CONNECTION, groups_to_sync=("A",)), ("mail", "city"), graph_url=url),
        binding(replace(CONNECTION, groups_to_sync=("AB",)), ("mail", "city"), graph_url=url),
        binding(CONNECTION, ("mail",), graph_url=url),
        binding(CONNECTION, ("mail", "city", "A"), graph_url=url),
        binding(CONNECTION, ("mail", "city"), graph_url="https://graph.microsoft.us/v1.0"),
    }
    assert len(others) == 7
    assert here not in others


def test_nesting_is_followed_through_cycles_and_depth() -> None:
    """What hangs on the roots, and nothing else."""
    nesting = Nesting()
    nesting.add((GroupId(f"g{n}"), GroupId(f"g{n + 1}")) for n in range(60))
    nesting.add([(GroupId("g60"), GroupId("g0")), (GroupId("x"), GroupId("g0"))])
    assert len(nesting.reached([GroupId("g30")])) == 61
    nesting.remove(GroupId("g60"), "g0")
    assert len(nesting.reached([GroupId("g30")])) == 31
    nesting.drop(GroupId("g40"))
    assert len(nesting.reached([GroupId("g30")])) == 10
