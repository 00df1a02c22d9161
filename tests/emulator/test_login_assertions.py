"""Apps without a secret: certificates in every form that MSAL knows, and tokens of an issuer that the app trusts."""

import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from emulator.connecting import Connecting, emulator
from emulator.wire import TIMEOUT, Wire
from entraid_emulator import CONTOSO_TENANT_ID, Emulator, FederatedCredential, KeyPair, default_app

SUBJECT = "system:serviceaccount:access:entraid"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@pytest.fixture(scope="session")
def pair() -> KeyPair:
    """A key and its certificate."""
    return KeyPair.new()


@pytest.fixture(scope="session")
def stranger() -> KeyPair:
    """Another one, registered nowhere."""
    return KeyPair.new("stranger")


@pytest.fixture(scope="module")
def running(start_for_all: Callable[[Emulator], Wire]) -> Connecting:
    """An app that Contoso consented to, in a running emulator."""
    app = default_app()
    app.grant(CONTOSO_TENANT_ID)
    return Connecting(start_for_all(emulator(app)))


@pytest.fixture
def daemon(running: Connecting) -> Iterator[Connecting]:
    """The same; what a test registers goes with it."""
    yield running
    running.app.certificates.clear()
    running.app.federated_credentials.clear()


def pfx(pair: KeyPair, folder: Path) -> Path:
    """The pair as a PFX file under the passphrase `open`."""
    key = serialization.load_pem_private_key(pair.private_key_pem.reveal().encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    certificate = x509.load_pem_x509_certificate(pair.certificate_pem.encode())
    packed = pkcs12.serialize_key_and_certificates(
        b"entraid",
        key,
        certificate,
        None,
        serialization.BestAvailableEncryption(b"open"),
    )
    path = folder / "app.pfx"
    path.write_bytes(packed)
    return path


@pytest.mark.parametrize("form", ["thumbprint", "public_certificate", "both", "pfx", "pfx_with_chain"])
def test_msal_connects_with_a_certificate(daemon: Connecting, pair: KeyPair, form: str, tmp_path: Path) -> None:
    """RS256 or PS256, named by x5t or x5t#S256: each form gets a token that says it was a certificate."""
    daemon.app.certificates.append(pair.certificate)
    key, certificate = pair.private_key_pem.reveal(), pair.certificate_pem
    path = str(pfx(pair, tmp_path))
    credentials: dict[str, dict[str, object]] = {
        "thumbprint": {"private_key": key, "thumbprint": pair.certificate.thumbprint},
        "public_certificate": {"private_key": key, "public_certificate": certificate},
        "both": {
            "private_key": key,
            "thumbprint": pair.certificate.thumbprint,
            "public_certificate": certificate,
        },
        "pfx": {"private_key_pfx_path": path, "passphrase": "open"},
        "pfx_with_chain": {"private_key_pfx_path": path, "passphrase": "open", "public_certificate": True},
    }
    answer = daemon.app_token(credential=credentials[form])
    assert "error" not in answer, answer
    claims = jwt.decode(answer["access_token"], options={"verify_signature": False})
    assert claims["appidacr"] == "2"
    daemon.wire.body("/groups?$top=1", token=answer["access_token"])


def test_a_certificate_that_is_not_registered_is_refused(daemon: Connecting, pair: KeyPair, stranger: KeyPair) -> None:
    """AADSTS700027 with the thumbprint, also when it is sent along in x5c; and when the app has none at all."""
    credential = {"private_key": stranger.private_key_pem.reveal(), "public_certificate": stranger.certificate_pem}
    assert daemon.app_token(credential=credential)["error_codes"] == [700027]
    daemon.app.certificates.append(pair.certificate)
    answer = daemon.app_token(credential=credential)
    assert answer["error_codes"] == [700027]
    assert stranger.certificate.x5t_s256 in answer["error_description"]


def test_a_registered_name_does_not_help_a_strangers_signature(
    daemon: Connecting, pair: KeyPair, stranger: KeyPair
) -> None:
    """The thumbprint is public; without the key it is AADSTS700027."""
    daemon.app.certificates.append(pair.certificate)
    credential = {"private_key": stranger.private_key_pem.reveal(), "thumbprint": pair.certificate.thumbprint}
    answer = daemon.app_token(credential=credential)
    assert answer["error_codes"] == [700027]
    assert "failed" in answer["error_description"]


def test_an_expired_certificate_is_refused(daemon: Connecting) -> None:
    """Registered and rightly signed, but over."""
    yesterday = datetime.now(UTC) - timedelta(days=1)
    pair = KeyPair.new(until=yesterday)
    daemon.app.certificates.append(pair.certificate)
    credential = {"private_key": pair.private_key_pem.reveal(), "thumbprint": pair.certificate.thumbprint}
    answer = daemon.app_token(credential=credential)
    assert answer["error_codes"] == [700027]
    assert "expired" in answer["error_description"]


@pytest.mark.parametrize(
    ("changes", "header", "code"),
    [
        ({}, {}, None),
        ({"aud": "ISSUER"}, {}, None),
        ({"aud": "https://evil.example/token"}, {}, 700023),
        ({"aud": ["TOKEN", "https://evil.example"]}, {}, 700023),
        ({"aud": None}, {}, 700023),
        ({"iss": "OTHER", "sub": "OTHER"}, {}, 700021),
        ({"iss": "OTHER"}, {}, 700021),
        ({"sub": None}, {}, 700021),
        ({"exp": -1}, {}, 700024),
        ({"exp": None}, {}, 700024),
        ({"exp": "soon"}, {}, 700024),
        ({"exp": True}, {}, 700024),
        ({"nbf": 3600}, {}, 700024),
        ({}, {"x5t": None}, 5002723),
        ({}, {"x5t": "AAAA"}, 700027),
        ({}, {"alg": "HS256"}, 700027),
        ({}, {"alg": "none"}, 700027),
    ],
)
def test_an_assertion_is_judged_whole(
    daemon: Connecting, pair: KeyPair, changes: dict[str, Any], header: dict[str, Any], code: int | None
) -> None:
    """Algorithm, name of the key, audience, issuer, subject, time: each wrong one has its own code."""
    daemon.app.certificates.append(pair.certificate)
    answer = post(daemon, assertion(daemon, pair, changes, header))
    assert answer.get("error_codes") == (None if code is None else [code])
    assert ("access_token" in answer) == (code is None)


def assertion(daemon: Connecting, pair: KeyPair, changes: dict[str, Any], header: dict[str, Any]) -> str:
    """A client assertion, right but for the changes; numbers are seconds from now."""
    base = f"{daemon.wire.emulator.authority_url}/{CONTOSO_TENANT_ID}"
    now = time.time()
    names = {"ISSUER": f"{base}/v2.0", "TOKEN": f"{base}/oauth2/v2.0/token", "OTHER": str(uuid.uuid4())}
    claims = {
        "aud": names["TOKEN"],
        "iss": daemon.app.client_id,
        "sub": daemon.app.client_id,
        "exp": 600,
        "nbf": 0,
        **changes,
    }
    for name in ("exp", "nbf"):
        if isinstance(claims[name], int) and claims[name] is not True:
            claims[name] += now
    told = {name: names.get(str(value), value) for name, value in claims.items() if value is not None}
    named = {"x5t": pair.certificate.x5t, **header}
    algorithm = str(named.pop("alg", "PS256"))
    headers = {name: value for name, value in named.items() if value is not None}
    key = {"PS256": pair.private_key_pem.reveal(), "HS256": "guess" * 8, "none": ""}[algorithm]
    return jwt.encode(told, key, algorithm=algorithm, headers=headers)


def post(daemon: Connecting, text: str, **more: str) -> dict[str, Any]:
    """Ask for an app token with an assertion."""
    form = {"client_secret": None, "client_assertion": text, "client_assertion_type": ASSERTION, **more}
    answer: dict[str, Any] = daemon.wire.token_answer(CONTOSO_TENANT_ID, **form).json()
    return answer


@pytest.mark.parametrize("text", ["x.y.z", "nonsense", "e30.e30.", "a" * 20_000])
def test_what_is_no_jwt_is_told_so(daemon: Connecting, pair: KeyPair, text: str) -> None:
    """AADSTS50027 or 5002723, never a crash; another assertion type is refused."""
    daemon.app.certificates.append(pair.certificate)
    assert post(daemon, text)["error_codes"] in ([50027], [5002723])
    assert post(daemon, text, client_assertion_type="urn:x")["error_codes"] == [90023]


def trust(daemon: Connecting, **changes: str) -> None:
    """Let the app trust the emulator's workload issuer."""
    values = {"issuer": daemon.wire.emulator.workload_issuer, "subject": SUBJECT, **changes}
    daemon.app.federated_credentials.append(FederatedCredential(**values))


def test_msal_connects_with_a_workloads_token(daemon: Connecting) -> None:
    """MSAL asks its callable for the token and gets one of Entra for it."""
    trust(daemon)
    issued = daemon.wire.emulator.workload_token
    answer = daemon.app_token(credential={"client_assertion": lambda: issued(SUBJECT)})
    assert "error" not in answer, answer
    daemon.wire.body("/users?$top=1", token=answer["access_token"])


def test_the_workload_issuer_publishes_its_keys(daemon: Connecting) -> None:
    """Anybody can check its tokens by discovery, as Entra does."""
    issuer = daemon.wire.emulator.workload_issuer
    session = daemon.wire.session
    document = session.get(f"{issuer}/.well-known/openid-configuration", timeout=TIMEOUT).json()
    keys = jwt.PyJWKSet.from_dict(session.get(document["jwks_uri"], timeout=TIMEOUT).json())
    token = daemon.wire.emulator.workload_token(SUBJECT)
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(token, key, algorithms=["RS256"], audience="api://AzureADTokenExchange", issuer=issuer)
    assert claims["sub"] == SUBJECT


@pytest.mark.parametrize(
    ("credential", "token", "code"),
    [
        ({"issuer": "https://token.example"}, {}, 700211),
        ({"subject": "system:serviceaccount:access:other"}, {}, 700213),
        ({"subject": SUBJECT.upper()}, {}, 700213),
        ({"audience": "api://other"}, {}, 700212),
        ({}, {"audience": ["api://AzureADTokenExchange", "api://other"]}, 700212),
        ({}, {"audience": ["api://AzureADTokenExchange"]}, None),
        ({}, {"lifetime": timedelta(minutes=-1)}, 700024),
        ({}, {"signer": "stranger"}, 50013),
        ({}, {"signer": "unknown"}, 50013),
        ({}, {"signer": "nobody"}, 50013),
    ],
)
def test_a_workloads_token_must_fit(
    daemon: Connecting, credential: dict[str, str], token: dict[str, Any], code: int | None
) -> None:
    """Issuer, subject, audience (one), time and signature: each wrong one has its own code."""
    trust(daemon, **credential)
    answer = post(daemon, daemon.wire.emulator.workload_token(SUBJECT, **token))
    assert answer.get("error_codes") == (None if code is None else [code])


def test_a_foreign_issuer_is_not_fetched(daemon: Connecting) -> None:
    """Trusted, but out of the emulator's reach: it says so instead of believing."""
    trust(daemon, issuer="https://token.example")
    told = {"iss": "https://token.example", "sub": SUBJECT, "aud": "api://AzureADTokenExchange", "exp": 2**33}
    assert post(daemon, jwt.encode(told, "guess" * 8, algorithm="HS256"))["error_codes"] == [50166]


def test_a_certificate_makes_no_secret_good(daemon: Connecting, pair: KeyPair) -> None:
    """An app with a certificate: a guessed secret is wrong, and nothing at all is AADSTS7000218."""
    daemon.app.certificates.append(pair.certificate)
    assert daemon.app_token(credential="guess")["error_codes"] == [7000215]
    assert daemon.wire.token_answer(client_secret=None).json()["error_codes"] == [7000218]
