import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from entraid_service.errors import CredentialsRejected
from entraid_service.model.connection import Certificate, FederatedIdentity
from entraid_service.model.secret import Secret
from entraid_service.oauth.credentials import Workload
from entraid_service.oauth.tokens import MsalAuthority
from graph.cloud import CLIENT, TENANT, ScriptedCloud, text_of


def certificate_of(key: rsa.RSAPrivateKey) -> bytes:
    """A certificate of a key, PEM."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "app")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 7, now, now + timedelta(days=1))
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
