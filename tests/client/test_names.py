"""Resource names out of what people type."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from entraid_client.names import connection_name, group_name, sync_run_name, user_name

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("given", ["contoso", "connections/contoso"])
def test_a_connection_goes_by_id_and_by_full_name(given: str) -> None:
    """Both mean the same."""
    assert connection_name(given) == "connections/contoso"


@pytest.mark.parametrize(
    "given", ["", " ", "connections/", "connections/a/users/b", "a/b", "/a", " a", "connections/connections/a"]
)
def test_what_is_no_connection_is_refused(given: str) -> None:
    """Nothing is guessed: a wrong name could be another tenant's."""
    with pytest.raises(ValueError, match="neither"):
        connection_name(given)


@pytest.mark.parametrize(
    ("build", "full"),
    [
        (user_name, "connections/c/users/ada@contoso.com"),
        (group_name, "connections/c/groups/8f14"),
        (sync_run_name, "connections/c/syncRuns/r1"),
    ],
)
def test_children_go_by_id_and_by_full_name(build: Callable[..., str], full: str) -> None:
    """With the connection beside the ID, or in the name."""
    bare = full.rpartition("/")[2]
    assert build(bare, "c") == build(bare, "connections/c") == build(full) == full


def test_a_full_name_of_another_connection_is_refused() -> None:
    """Neither wins: whichever did, the answer could be another tenant's."""
    with pytest.raises(ValueError, match="not in the connection `b`"):
        user_name("connections/a/users/u", "b")


@pytest.mark.parametrize(
    "given",
    ["connections/c/groups/u", "connections/c/u", "connections/c/users/", "connections/c/users/a/b", "connections/c"],
)
def test_a_full_name_of_something_else_is_no_user(given: str) -> None:
    """The collection must fit, and nothing may follow."""
    with pytest.raises(ValueError, match=r"neither"):
        user_name(given)


def test_a_bare_user_needs_a_connection() -> None:
    """The same UPN may exist in two tenants."""
    with pytest.raises(ValueError, match="which connection"):
        user_name("ada@contoso.com")
