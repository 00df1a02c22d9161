import pytest

from entraid_service.errors import CredentialsRejected, EntraUnavailable
from entraid_service.oauth.aadsts import DIAGNOSES
from entraid_service.oauth.diagnose import diagnose

TRACE = "0b1c2d3e-0000-4000-8000-00000000aaaa"
TAIL = f" Trace ID: {TRACE} Correlation ID: 0b1c2d3e-0000-4000-8000-00000000bbbb Timestamp: 2026-03-01 12:00:00Z"
PASSING = frozenset({50196, 70016, 90055})
MEANINGS = {
    16000: ("sign-in", "several accounts", "choose one"),
    50011: ("redirect URI", "not registered", "ENTRAID_PUBLIC_URL"),
    50013: ("proves the app", "signature", "registered"),
    50020: ("account", "not belong to this tenant", "of the tenant"),
    50034: ("account", "not exist in this tenant", "tenant ID"),
    50049: ("login host", "no login host", "authority URL"),
    50053: ("account", "locked", "wait"),
    50055: ("account", "password has expired", "change it"),
    50057: ("account", "disabled", "another administrator's account"),
    50058: ("sign-in", "nobody is signed in", "sign in again"),
    50059: ("tenant", "neither", "tenant's ID"),
    50076: ("sign-in", "multifactor", "complete it"),
    50079: ("sign-in", "enroll", "enroll"),
    50105: ("account", "assigned", "Users and groups"),
    50166: ("federated token", "keys", "reached"),
    50194: ("tenant", "single tenant", "multitenant"),
    50196: ("", "same request too often", ""),
    500011: ("resource", "not known in this tenant", "cloud"),
    500112: ("redirect URI", "another one", "ENTRAID_PUBLIC_URL"),
    501481: ("authorization code", "code verifier", "anew"),
    53003: ("sign-in", "Conditional Access", "exclude"),
    54005: ("authorization code", "used already", "anew"),
    65001: ("app", "nobody consented", "grant consent"),
    65004: ("app", "declined", "accept it"),
    650053: ("permissions", "does not have", "API permissions"),
    70003: ("request", "grant type", "authority URL"),
    70008: ("authorization code", "expired", "anew"),
    70011: ("scope", ".default", "Graph URL"),
    70016: ("", "not finished yet", ""),
    70021: ("federated token", "issuer, subject and audience", "Federated credentials"),
    700005: ("authorization code", "another tenant", "anew"),
    700016: ("app", "no app with this client ID", "client ID and tenant ID"),
    700023: ("proves the app", "another audience", "api://AzureADTokenExchange"),
    700024: ("proves the app", "expired, or is not valid yet", "clock"),
    700027: ("certificate", "not registered with the app", "upload"),
    700211: ("federated token", "its issuer", "Federated credentials"),
    700212: ("federated token", "its audience", "Federated credentials"),
    700213: ("federated token", "its subject", "Federated credentials"),
    700229: ("federated token", "token of an app", "workload's own platform"),
    7000112: ("app", "disabled", "Enabled for users"),
    7000215: ("client secret", "value is wrong", "create a new secret"),
    7000218: ("request", "neither a client secret nor a client assertion", "with a client secret or a certificate"),
    7000222: ("client secret", "expired", "create a new secret"),
    7000229: ("app", "not in this tenant", "consent"),
    90002: ("tenant", "none of this ID or domain", "copy the tenant ID"),
    90055: ("", "too many", ""),
    90094: ("app", "administrator's consent", "grant consent"),
    90095: ("app", "approve the request", "Admin consent requests"),
    900023: ("tenant", "neither a tenant ID nor a domain name", "copy the tenant ID"),
    900144: ("request", "parameter is missing", "report it"),
}
"""Words of what is rejected, why, and what helps, as Microsoft documents the codes; what passes asks for nothing."""


def refused(code: int, text: str = "Something is wrong.") -> dict[str, object]:
    """Entra's body for a code."""
    return {
        "error": "invalid_client",
        "error_description": f"AADSTS{code}: {text}{TAIL}",
        "error_codes": [code],
        "trace_id": TRACE,
    }


@pytest.mark.parametrize("code", sorted(DIAGNOSES))
def test_every_known_code_is_a_cause_and_a_remedy(code: int) -> None:
    """The code is named, explained and answered in words of ours; the trace ID is for Microsoft's support."""
    error = diagnose(refused(code))
    text = str(error)
    rejected, cause, remedy = MEANINGS[code]
    assert f"AADSTS{code}" in text
    assert TRACE in text
    assert cause in text
    assert "Something is wrong" not in text
    if code in PASSING:
        assert isinstance(error, EntraUnavailable)
    else:
        assert isinstance(error, CredentialsRejected)
        assert rejected in text.partition(" (AADSTS")[0]
        assert remedy in text.partition(cause)[2]
        assert "https://learn.microsoft.com/" in text
        assert error.metadata == {"aadsts": f"AADSTS{code}", "trace_id": TRACE}


def test_no_documented_code_is_left_out() -> None:
    """A code that is explained no more would be told in Entra's words, without a remedy."""
    assert set(DIAGNOSES) == set(MEANINGS)


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


def test_the_first_of_several_codes_counts() -> None:
    """It is the one that the text begins with; the others tell where it came from."""
    error = diagnose({**refused(7000222), "error_codes": [7000222, 50034]})
    assert error.metadata["aadsts"] == "AADSTS7000222"


def test_a_trace_id_is_found_in_the_text() -> None:
    """Redirects tell it nowhere else."""
    error = diagnose({name: value for name, value in refused(7000222).items() if name != "trace_id"})
    assert error.metadata["trace_id"] == TRACE


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
