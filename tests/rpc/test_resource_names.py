import pytest
from hypothesis import given
from hypothesis import strategies as st

from entraid_service.errors import InvalidField
from entraid_service.model.ids import ConnectionId
from entraid_service.rpc.names import parse_connection, parse_connection_id, parse_group, parse_sync_run, parse_user


@pytest.mark.parametrize(
    "user",
    [
        "8f14e45f-ceea-467f-ab1e-0000000000aa",
        "adele@contoso.example",
        "o'neil@contoso.example",
        "guest_partner.example#EXT#@contoso.example",
        "a/b@contoso.example",
        "/users/",
        "ünïcode@contoso.example",
        "50% @contoso.example",
    ],
)
def test_a_user_is_whatever_stands_behind_users(user: str) -> None:
    """No character of a user principal name ends the name or changes whom it names."""
    assert parse_user(f"connections/main/users/{user}", "user") == (ConnectionId("main"), user)


@given(st.text(min_size=1, max_size=512))
def test_no_text_behind_users_is_taken_for_something_else(user: str) -> None:
    """Whatever is asked for is what is looked up, in the connection that was named."""
    assert parse_user(f"connections/c-1/users/{user}", "user") == (ConnectionId("c-1"), user)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "main",
        "connections/",
        "connections/Main",
        "connections/ma in",
        "connections/main/",
        "connections/main/users/x",
        "connections/main\n",
        "connections//main",
        "/connections/main",
        "connections/" + "a" * 64,
        "connections/../main",
        "connections/mäin",
    ],
)
def test_a_malformed_connection_is_refused_by_field(name: str) -> None:
    """What is not exactly `connections/{connection}` is an error that names the field."""
    with pytest.raises(InvalidField) as caught:
        parse_connection(name, "parent")
    assert caught.value.field == "parent"


@pytest.mark.parametrize(
    "name",
    [
        "connections/main/users/",
        "connections/main/user/x",
        "connections/main",
        "connections/a/b/users/x",
        "users/x",
        "connections/main/users/" + "x" * 513,
    ],
)
def test_a_malformed_user_is_refused(name: str) -> None:
    """A name without a user, or of another collection, finds nobody."""
    with pytest.raises(InvalidField):
        parse_user(name, "user")


@pytest.mark.parametrize("run", ["", "a b", "../x", "x/y", "ü", "x" * 129])
def test_a_malformed_sync_run_is_refused(run: str) -> None:
    """Runs are named by the service, so that no other characters can be right."""
    with pytest.raises(InvalidField):
        parse_sync_run(f"connections/main/syncRuns/{run}", "name")


def test_group_ids_compare_in_lower_case() -> None:
    """Object ids are kept in lower case, and asked for in any."""
    assert parse_group("connections/main/groups/ABCD", "name") == ("main", "abcd")


def test_a_connection_id_is_bounded_where_it_is_chosen() -> None:
    """The id of a new connection obeys the pattern that names are read by, so that it can be named ever after."""
    assert parse_connection_id("a" * 63, "connection_id") == "a" * 63
    with pytest.raises(InvalidField, match="lower-case"):
        parse_connection_id("a" * 64, "connection_id")


def test_an_error_repeats_little_of_what_was_sent() -> None:
    """A megabyte of nonsense does not come back."""
    with pytest.raises(InvalidField) as caught:
        parse_connection("x" * 1_000_000, "name")
    assert len(str(caught.value)) < 250
