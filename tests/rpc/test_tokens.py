from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entraid_service.errors import InvalidField, InvalidPageToken
from entraid_service.model.secret import Secret
from entraid_service.rpc.page_tokens import ListCall, PageTokens
from entraid_service.rpc.signing import Signer
from entraid_service.rpc.snapshot_tokens import SnapshotTokens

SIGNER = Signer(Secret("k" * 32))
PAGES = PageTokens(SIGNER)
USERS = ListCall("ListUsers", "uid-1", ("", "basic"))


def test_a_page_token_leads_back_to_where_it_was_issued() -> None:
    """The position survives the round trip, any text included; no token means the start."""
    assert PAGES.open(USERS, PAGES.issue(USERS, after="ünï/8f14")) == "ünï/8f14"
    assert PAGES.open(USERS, "") is None


@pytest.mark.parametrize(
    "other",
    [
        ListCall("ListUsers", "uid-2", ("", "basic")),
        ListCall("ListGroups", "uid-1", ("", "basic")),
        ListCall("ListUsers", "uid-1", ("", "full")),
        ListCall("ListUsers", "uid-1", ("mail:x", "basic")),
        ListCall("ListUsers", "uid-1", ("", "basic", "")),
        ListCall("ListUsersuid-1", "", ("", "basic")),
        ListCall("ListUsers", "uid-1", ("basic", "")),
    ],
)
def test_a_page_token_of_another_list_is_refused(other: ListCall) -> None:
    """Connection, method and every argument are bound, none of them can be traded for another."""
    with pytest.raises(InvalidPageToken):
        PAGES.open(USERS, PAGES.issue(other, after="x"))


def test_every_altered_character_of_a_page_token_is_noticed() -> None:
    """No bit of a token is free, not even those that base64 leaves unused at its end."""
    for position in ("", "a", "ab", "abc"):
        token = PAGES.issue(USERS, after=position)
        for index in range(len(token)):
            for char in "AQgw_-9z":
                if token[index] != char:
                    with pytest.raises(InvalidPageToken):
                        PAGES.open(USERS, token[:index] + char + token[index + 1 :])


@given(st.text(min_size=1))
def test_no_made_up_text_is_a_page_token(text: str) -> None:
    """Nonsense of any alphabet is an error of the caller, never one of ours."""
    with pytest.raises(InvalidPageToken):
        PAGES.open(USERS, text)


@pytest.mark.parametrize(
    "change", [lambda t: t[:-1], lambda t: t + "A", lambda t: t + "=", lambda t: " " + t, str.swapcase]
)
def test_a_cut_or_padded_page_token_is_refused(change: Callable[[str], str]) -> None:
    """Only the very text that was issued is taken."""
    with pytest.raises(InvalidPageToken):
        PAGES.open(USERS, change(PAGES.issue(USERS, after="some position")))


def test_another_key_opens_nothing() -> None:
    """Tokens of another installation are worthless here."""
    foreign = PageTokens(Signer(Secret("other" * 8)))
    with pytest.raises(InvalidPageToken):
        PAGES.open(USERS, foreign.issue(USERS, after="x"))


def test_a_snapshot_token_names_a_revision_of_one_connection() -> None:
    """The same revision has the same token, another connection does not take it."""
    tokens = SnapshotTokens(SIGNER)
    token = tokens.issue("uid-1", 7)
    assert tokens.issue("uid-1", 7) == token
    assert tokens.revision("uid-1", token, field="f") == 7
    with pytest.raises(InvalidField) as caught:
        tokens.revision("uid-2", token, field="consistency.at_least_as_fresh")
    assert caught.value.field == "consistency.at_least_as_fresh"


def test_page_tokens_and_snapshot_tokens_do_not_pass_for_each_other() -> None:
    """One key signs both, for purposes that are kept apart."""
    with pytest.raises(InvalidPageToken):
        PAGES.open(ListCall("snapshot"), SnapshotTokens(SIGNER).issue("", 7))
    with pytest.raises(InvalidField):
        SnapshotTokens(SIGNER).revision("uid-1", PAGES.issue(ListCall("uid-1"), after="7"), field="f")


def test_the_key_is_never_printed() -> None:
    """A signer in a traceback or log tells nothing."""
    assert "kkkk" not in f"{SIGNER!r}{vars(SIGNER)}"
