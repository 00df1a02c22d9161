import pytest

from entraid_service.errors import CredentialsRejected, EntraUnavailable
from entraid_service.oauth.aadsts import DIAGNOSES
from entraid_service.oauth.diagnose import diagnose
from entraid_service.oauth.diagnosis import Ground

TRACE = "0b1c2d3e-0000-4000-8000-00000000aaaa"
TAIL = f" Trace ID: {TRACE} Correlation ID: 0b1c2d3e-0000-4000-8000-00000000bbbb Timestamp: 2026-03-01 12:00:00Z"
DOCUMENTED = (
    "50049 50076 50079 50194 50196 500011 501481 53003 54005 65001 65004 70011 70016 70021 700229 700016 700027 "
    "7000112 7000215 7000218 7000222 90002 90055 90094 90095"
)


def refused(code: int, text: str = "Something is wrong.") -> dict[str, object]:
    """Entra's body for a code."""
    return {
        "error": "invalid_client",
        "error_description": f"AADSTS{code}: {text}{TAIL}",
        "error_codes": [code],
        "trace_id": TRACE,
    }


@pytest.mark.parametrize("code", [int(code) for code in DOCUMENTED.split()])
def test_every_known_code_is_a_cause_and_a_remedy(code: int) -> None:
    """The code is named, explained and answered in words of ours; the trace ID is for Microsoft's support."""
    error = diagnose(refused(code))
    text = str(error)
    assert f"AADSTS{code}" in text
    assert TRACE in text
    assert DIAGNOSES[code].cause in text
    assert "Something is wrong" not in text
    if DIAGNOSES[code].ground is Ground.TRANSIENT:
        assert isinstance(error, EntraUnavailable)
    else:
        assert isinstance(error, CredentialsRejected)
        assert DIAGNOSES[code].remedy in text
        assert "https://learn.microsoft.com/" in text
        assert error.metadata == {"aadsts": f"AADSTS{code}", "trace_id": TRACE}


def test_a_wrong_secret_says_what_to_do() -> None:
    """The most frequent mistake, in full."""
    text = str(diagnose(refused(7000215), status=401))
    assert text.startswith(
        "Entra rejected the client secret (AADSTS7000215): the value is wrong, or the secret's ID was pasted instead "
        "of its value; create a new secret under App registrations > (the app) > Certificates & secrets and connect "
        "again"
    )


@pytest.mark.parametrize("separator", [" ", "\r\n"])
def test_an_unknown_code_is_told_in_entras_first_line(separator: str) -> None:
    """Entra's own words, without the identifiers behind them, in both of the forms that they had over the years."""
    text = f"AADSTS1234567: The moon is in the wrong phase.{TAIL}".replace(" Trace ID", f"{separator}Trace ID")
    error = diagnose({"error": "invalid_moon", "error_description": text, "trace_id": TRACE})
    assert isinstance(error, CredentialsRejected)
    assert error.aadsts == "AADSTS1234567"
    assert "invalid_moon: AADSTS1234567: The moon is in the wrong phase.;" in str(error)
    assert "Timestamp" not in str(error)


def test_an_error_without_a_code_is_told_as_it_is() -> None:
    """OAuth's own errors, from whatever stands in for Entra."""
    error = diagnose({"error": "invalid_client"}, status=401)
    assert isinstance(error, CredentialsRejected)
    assert "invalid_client" in str(error)
    assert error.metadata == {}


@pytest.mark.parametrize("code", [[], ["x"], "7000215", None, [None], {}])
def test_a_code_is_found_in_the_text_where_the_list_is_odd(code: object) -> None:
    """The list of codes is optional, the text has it too."""
    error = diagnose({**refused(7000222), "error_codes": code})
    assert isinstance(error, CredentialsRejected)
    assert error.aadsts == "AADSTS7000222"


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (refused(7000215), 429),
        (refused(7000215), 503),
        ({}, 500),
        (refused(90055), 400),
        ({"error": "temporarily_unavailable"}, 400),
        ({"error": "server_error"}, 400),
    ],
)
def test_what_passes_by_itself_asks_nobody_to_act(answer: dict[str, object], status: int) -> None:
    """A busy or broken login side is no reason to make a new secret."""
    error = diagnose(answer, status=status)
    assert isinstance(error, EntraUnavailable)
    assert "try again later" in str(error)


@pytest.mark.parametrize("text", ["\x1b[31mred\x07\r\nSecond: line", "x" * 100_000, "\u202egnp", 7, None, ["x"]])
def test_entras_words_are_one_short_printable_line(text: object) -> None:
    """What the other side writes cannot forge log lines or fill them."""
    message = str(diagnose({"error": "odd", "error_description": text, "trace_id": text}))
    assert message.isprintable()
    assert len(message) < 1000
