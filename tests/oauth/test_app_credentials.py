import base64
import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from entraid_service.errors import CredentialsRejected
from entraid_service.model.connection import Certificate, FederatedIdentity, PfxFile
from entraid_service.model.secret import Secret
from entraid_service.oauth.certificates import read_pair
from entraid_service.oauth.credentials import Workload, expire_time
from entraid_service.oauth.tokens import MsalAuthority
from graph.cloud import CLIENT, TENANT, ScriptedCloud, text_of


def certificate_of(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, *, days: int = 1) -> bytes:
    """A certificate of a key that ends in some days, PEM."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "app")])
    now = datetime.now(UTC)
    begin = now - timedelta(days=2)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 7, begin, now + timedelta(days=days))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def pem_of(key: rsa.RSAPrivateKey, password: bytes = b"") -> bytes:
    """A private key, PEM."""
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


@pytest.fixture(scope="session")
def keys() -> tuple[rsa.RSAPrivateKey, rsa.RSAPrivateKey]:
    """Two key pairs."""
    one, two = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    return one, two


async def test_a_certificate_proves_the_app(cloud: ScriptedCloud, keys: tuple[rsa.RSAPrivateKey, ...]) -> None:
    """An assertion is sent in place of a secret, signed with the key, and it names the certificate."""
    pem = Secret((pem_of(keys[0]) + certificate_of(keys[0])).decode())
    source = cloud.authority().token_source(tenant=TENANT, client_id=CLIENT, credential=Certificate(pem))
    assert (await source.token()).secret.reveal() == "opaque-1"
    sent = cloud.token_requests[0]
    assert "client_secret" not in sent
    head, claims = (
        json.loads(base64.urlsafe_b64decode(part + "==")) for part in sent["client_assertion"].split(".")[:2]
    )
    assert (head["alg"], "x5t#S256" in head) == ("PS256", True)
    assert (claims["iss"], claims["aud"]) == (CLIENT, f"{cloud.url}/{TENANT}/oauth2/v2.0/token")


async def test_a_malformed_certificate_is_refused_at_once(
    cloud: ScriptedCloud, keys: tuple[rsa.RSAPrivateKey, ...]
) -> None:
    """Before anything is sent, in words that say what a good one is, and without showing the key."""
    one, two = keys
    malformed = {
        "nothing": b"",
        "no PEM": b"canary",
        "no key": certificate_of(one),
        "no certificate": pem_of(one),
        "a key with a password": pem_of(one, b"pw") + certificate_of(one),
        "another key": pem_of(two) + certificate_of(one),
    }
    for name, pem in malformed.items():
        with pytest.raises(CredentialsRejected, match="give") as caught:
            cloud.authority().token_source(
                tenant=TENANT, client_id=CLIENT, credential=Certificate(Secret(pem.decode()))
            )
        assert "PRIVATE KEY" not in text_of(caught.value), name
    assert cloud.asked == []


def pfx_of(
    key: rsa.RSAPrivateKey | None, certificate: bytes, *, password: bytes = b"", more: tuple[bytes, ...] = ()
) -> bytes:
    """A PFX, as Windows or OpenSSL exports one."""
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    chain = [x509.load_pem_x509_certificate(one) for one in more] or None
    own = x509.load_pem_x509_certificate(certificate) if certificate else None
    return pkcs12.serialize_key_and_certificates(b"app", key, own, chain, encryption)


async def plain(content: bytes, password: str = "") -> Certificate:
    """What the authority makes of a PFX."""
    authority = MsalAuthority(authority_url="https://login.invalid")
    made = await authority.plain(PfxFile(Secret(b64encode(content).decode()), Secret(password)))
    authority.close()
    assert isinstance(made, Certificate)
    return made


@pytest.mark.parametrize("password", ["", "canary~Pass-wört"])
async def test_a_pfx_becomes_the_certificate_that_is_in_it(
    cloud: ScriptedCloud, keys: tuple[rsa.RSAPrivateKey, ...], password: str
) -> None:
    """With a password or without; of a chain it is the certificate of the key that proves the app."""
    own, other = certificate_of(keys[0]), certificate_of(keys[1])
    credential = await plain(pfx_of(keys[0], own, password=password.encode(), more=(other,)), password)
    source = cloud.authority().token_source(tenant=TENANT, client_id=CLIENT, credential=credential)
    await source.token()
    sent = cloud.token_requests[0]["client_assertion"]
    head = json.loads(base64.urlsafe_b64decode(sent.split(".")[0] + "=="))
    expected = x509.load_pem_x509_certificate(own).fingerprint(hashes.SHA256())
    assert base64.urlsafe_b64decode(head["x5t#S256"] + "=") == expected
    assert expire_time(credential) == x509.load_pem_x509_certificate(own).not_valid_after_utc


async def test_each_pfx_that_cannot_be_used_has_its_own_words(keys: tuple[rsa.RSAPrivateKey, ...]) -> None:
    """What is wrong, and what to give instead; neither the password nor the key is shown."""
    one, two = keys
    certificate, secret = certificate_of(one), "canary-password"
    good = pfx_of(one, certificate, password=secret.encode())
    broken = {
        "does not open the PFX": (good, "wrong"),
        "without a password": (good, ""),
        "no private key": (pfx_of(None, certificate), ""),
        "no certificate": (pfx_of(one, b""), ""),
        "does not belong": (pfx_of(two, b"", more=(certificate,)), ""),
        "the certificate ended": (pfx_of(one, certificate_of(one, days=-1)), ""),
        "cut off": (good[:-40], secret),
        "no PFX (PKCS #12)": (b"MZ" + bytes(600), ""),
        "this is no PFX": (b"", ""),
        "a PEM and no PFX": (pem_of(one) + certificate, ""),
    }
    for words, (content, password) in broken.items():
        with pytest.raises(CredentialsRejected) as caught:
            await plain(content, password)
        assert words in str(caught.value)
        shown = text_of(caught.value)
        assert "canary" not in shown, words
        assert "PRIVATE KEY" not in shown, words


def test_a_key_that_entra_does_not_take_is_refused() -> None:
    """Elliptic curves among them."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate_of(key)
    with pytest.raises(CredentialsRejected, match="no RSA key"):
        read_pair(Secret(pem.decode()))


async def test_a_certificate_that_the_app_does_not_know_is_named(
    cloud: ScriptedCloud, keys: tuple[rsa.RSAPrivateKey, ...]
) -> None:
    """By the thumbprint that stands in Entra's list of the app's certificates."""
    certificate = certificate_of(keys[0])
    bad = {"error": "invalid_client", "error_codes": [700027], "error_description": "AADSTS700027: no"}
    cloud.on(r"/token$", web.json_response(bad, status=401))
    credential = Certificate(Secret((pem_of(keys[0]) + certificate).decode()))
    with pytest.raises(CredentialsRejected) as caught:
        await cloud.authority().token_source(tenant=TENANT, client_id=CLIENT, credential=credential).token()
    in_list = hashes.SHA1()  # noqa: S303 - Entra's list of certificates shows it
    thumbprint = x509.load_pem_x509_certificate(certificate).fingerprint(in_list).hex().upper()
    assert thumbprint in str(caught.value)
    assert caught.value.aadsts == "AADSTS700027"


async def test_a_federated_token_is_read_anew_for_each_request(cloud: ScriptedCloud, tmp_path: Path) -> None:
    """The platform replaces the file; a file that is gone is an error that names it."""
    file = tmp_path / "token"
    authority = MsalAuthority(authority_url=cloud.url, ca_bundle=cloud.ca_file, workload=Workload(token_file=file))
    source = authority.token_source(tenant=TENANT, client_id=CLIENT, credential=FederatedIdentity())
    with pytest.raises(CredentialsRejected, match=r"cannot be read.*token"):
        await source.token()
    file.write_text("first\n")
    token = await source.token()
    file.write_text("second\n")
    await source.renew(token)
    authority.close()
    assert [sent["client_assertion"] for sent in cloud.token_requests] == ["first", "second"]
