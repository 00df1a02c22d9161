import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, load_pem_private_key, pkcs12
from cryptography.x509 import load_pem_x509_certificate

from consent.conftest import ADMIN, CANARY, SECONDS, Site, consent_settings
from e2e.harness import pointed_at
from entraid.v1 import connection_service_pb2 as pb
from entraid.v1.access_service_pb2 import DECISION_ALLOW, EvaluateAccessRequest, EvaluateAccessResponse
from entraid.v1.sync_service_pb2 import SyncRun
from entraid_client import conditions
from entraid_emulator import (
    AppRegistration,
    ClientId,
    ClientSecret,
    Emulator,
    FederatedCredential,
    Forgery,
    KeyPair,
    Refusal,
    Secret,
    contoso,
    default_app,
    in_background,
    multi_tenant_app,
)

Start = Callable[[Emulator, dict[str, str]], Site]
PASSWORD = "canary~pfx-Password.83"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An emulator with a managed identity, whose apps a test may change."""
    ca_file = tmp_path_factory.mktemp("cloud") / "ca.pem"
    own = multi_tenant_app("http://localhost/connect/callback")
    own.secrets = [ClientSecret(Secret(CANARY))]
    with in_background(
        Emulator([contoso()], apps=[own, default_app()], ca_file=ca_file, managed_identity_port=0)
    ) as running:
        running.apps[1].grant(running.tenants[0].tenant_id)
        yield running


def order(site: Site, client_id: str, **credential: object) -> pb.ConnectRequest:
    """A call to connect Contoso as `main`."""
    app = pb.AppCredentials(client_id=client_id, **credential)  # type: ignore[arg-type] # one field of the oneof
    return pb.ConnectRequest(connection_id="main", tenant=site.home.tenant_id, app_credentials=app)


def check_connects_and_syncs(site: Site, request: pb.ConnectRequest) -> pb.Connection:
    """All the way to people."""
    connection = site.connect(request).connection
    assert connection.state == pb.Connection.STATE_ACTIVE
    assert site.sync("main").state == SyncRun.STATE_SUCCEEDED
    return connection


def refused(site: Site, request: pb.ConnectRequest) -> str:
    """The words of the refusal that has to come."""
    with pytest.raises(grpc.RpcError) as caught:
        site.connect(request)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    return caught.value.details() or ""


def pem(pair: KeyPair) -> str:
    """Certificate and key as one text."""
    return pair.private_key_pem.reveal() + pair.certificate_pem


def test_a_certificate_connects_and_its_end_is_known(cloud: Emulator, start: Start) -> None:
    """Proved by an assertion; the end is told; one that is not registered, or has ended, has its own message."""
    site = start(cloud, pointed_at(cloud))
    app = cloud.apps[1]
    good, unknown = KeyPair.new(until=datetime.now(UTC) + timedelta(days=10)), KeyPair.new()
    ended = KeyPair.new(until=datetime.now(UTC) - timedelta(days=1))
    app.certificates.append(good.certificate)
    connection = check_connects_and_syncs(site, order(site, app.client_id, certificate_pem=pem(good)))
    assert connection.credential_expire_time.ToDatetime(UTC) == good.certificate.is_valid_until
    assert "AADSTS700027" in refused(site, order(site, app.client_id, certificate_pem=pem(unknown)))
    assert "the certificate ended" in refused(site, order(site, app.client_id, certificate_pem=pem(ended)))
    assert "PRIVATE KEY" not in site.service.log()
    assert site.get("main").etag == connection.etag


def test_a_pfx_connects_and_its_end_is_known(cloud: Emulator, start: Start) -> None:
    """Also after a restart, without its password, which is kept nowhere; a wrong one has its own message."""
    site = start(cloud, pointed_at(cloud))
    app, pair = cloud.apps[1], KeyPair.new(until=datetime.now(UTC) + timedelta(days=20))
    app.certificates.append(pair.certificate)
    good = pb.CertificatePfx(content=pfx(pair), password=PASSWORD)
    connection = check_connects_and_syncs(site, order(site, app.client_id, certificate_pfx=good))
    assert connection.credential_expire_time.ToDatetime(UTC) == pair.certificate.is_valid_until
    wrong = pb.CertificatePfx(content=pfx(pair), password=PASSWORD + "-wrong")
    assert "does not open the PFX" in refused(site, order(site, app.client_id, certificate_pfx=wrong))
    unknown = KeyPair.new()
    stranger = pb.CertificatePfx(content=pfx(unknown), password=PASSWORD)
    assert "AADSTS700027" in refused(site, order(site, app.client_id, certificate_pfx=stranger))
    site.service.stop()
    again = start(cloud, pointed_at(cloud))
    assert again.sync("main").state == SyncRun.STATE_SUCCEEDED
    kept = b"".join(file.read_bytes() for file in again.service.folder.iterdir() if file.is_file())
    for word in (PASSWORD.encode(), b"PRIVATE KEY", good.content[40:80]):
        assert word not in kept
    assert PASSWORD not in site.service.log() + again.service.log()


def test_a_certificate_that_ends_soon_is_warned_of(cloud: Emulator, start: Start) -> None:
    """In the log once, and as a metric."""
    site = start(cloud, pointed_at(cloud))
    app, pair = cloud.apps[1], KeyPair.new(until=datetime.now(UTC) + timedelta(days=6))
    app.certificates.append(pair.certificate)
    site.connect(order(site, app.client_id, certificate_pem=pem(pair)))
    site.service.stop()
    again = start(cloud, pointed_at(cloud))
    deadline, expected = time.monotonic() + SECONDS, 'entraid_credential_expire_time_seconds{connection="main"}'
    while expected not in again.visitor().open(f"{again.base}/metrics").response.text:  # looked at after the start
        assert time.monotonic() < deadline
        time.sleep(0.05)
    lines = [line for line in again.service.log().splitlines() if "certificate_ends_soon" in line]
    assert len(lines) == 1
    assert '"days": 7' in lines[0]


def test_a_workloads_token_file_connects(cloud: Emulator, start: Start, tmp_path: Path) -> None:
    """Read anew each time; a token of another subject, an old one, no file: each its own message."""
    file, app = tmp_path / "token", cloud.apps[1]
    issuer = f"{cloud.url}/workload"
    app.federated_credentials.append(FederatedCredential(issuer=issuer, subject="pod/entraid"))
    site = start(cloud, {**pointed_at(cloud), "ENTRAID_FEDERATED_TOKEN_FILE": str(file)})
    request = order(site, app.client_id, workload_identity=pb.WorkloadIdentity())
    assert "cannot be read" in refused(site, request)
    file.write_text(cloud.workload_token("pod/other"), encoding="utf-8")
    assert "no federated identity credential of the app has its subject" in refused(site, request)
    file.write_text(cloud.workload_token("pod/entraid", lifetime=-timedelta(hours=1)), encoding="utf-8")
    assert "AADSTS" in refused(site, request)
    file.write_text(cloud.workload_token("pod/entraid"), encoding="utf-8")
    check_connects_and_syncs(site, request)
    assert "eyJ" not in site.service.log()


@pytest.mark.parametrize("form", ["App Service", "metadata"])
def test_the_hosts_managed_identity_connects(cloud: Emulator, start: Start, form: str) -> None:
    """As itself, without any secret of ours; an identity that the host does not have is named."""
    identity = cloud.managed_identity
    host = identity.app_service_environment() if form == "App Service" else identity.metadata_environment()
    settings = {**pointed_at(cloud), **host}
    site = start(cloud, {**settings, "ENTRAID_MANAGED_IDENTITY": "system"})
    request = order(site, identity.app.client_id, workload_identity=pb.WorkloadIdentity())
    check_connects_and_syncs(site, request)
    site.service.stop()
    stranger = ClientId("5f2d1c3b-0000-4000-8000-00000000cafe")
    site = start(cloud, {**settings, "ENTRAID_MANAGED_IDENTITY": stranger})
    assert "no usable managed identity" in refused(site, request)


@pytest.fixture
def trusted(cloud: Emulator) -> Iterator[Emulator]:
    """The tenants' app trusts the host's managed identity, and nothing else proves it; afterwards all is as before."""
    app, identity = cloud.apps[1], cloud.managed_identity
    former = app.federated_credentials[:]
    app.federated_credentials[:] = [identity.federated_credential]
    yield cloud
    app.federated_credentials[:] = former
    cloud.login.clear()


@pytest.mark.parametrize("form", ["App Service", "metadata"])
def test_an_app_is_proved_by_the_hosts_managed_identity(trusted: Emulator, start: Start, form: str) -> None:
    """As a federated assertion, through real MSAL, to people; the identity's tokens are in no log."""
    identity, app = trusted.managed_identity, trusted.apps[1]
    host = identity.app_service_environment() if form == "App Service" else identity.metadata_environment()
    site = start(trusted, {**pointed_at(trusted), **host, "ENTRAID_MANAGED_IDENTITY": "system"})
    connection = check_connects_and_syncs(site, order(site, app.client_id, workload_identity=pb.WorkloadIdentity()))
    assert connection.client_id == app.client_id
    assert not connection.HasField("credential_expire_time")
    assert "eyJ" not in site.service.log()


@pytest.mark.parametrize(
    ("forgery", "words"),
    [
        (Forgery(of="assertion", signer="stranger"), ("AADSTS50013", "signature does not match")),
        (Forgery(of="assertion", values={"aud": "https://vault.example"}), ("AADSTS700212", "has its audience")),
        (Forgery(of="assertion", values={"sub": "other"}), ("AADSTS700213", "has its subject")),
        (Forgery(of="assertion", values={"iss": "https://other.example/v2.0"}), ("AADSTS700211", "has its issuer")),
        (Forgery(of="assertion", values={"exp": 1_000_000_000}), ("AADSTS700024", "has expired")),
        (Forgery(of="assertion", values={"idtyp": "user"}), ("AADSTS700229", "federated credential")),
    ],
)
def test_an_assertion_that_is_wrong_has_its_own_words(
    trusted: Emulator, start: Start, forgery: Forgery, words: tuple[str, ...]
) -> None:
    """Code and cause, and nothing is connected."""
    identity, app = trusted.managed_identity, trusted.apps[1]
    host = {**identity.metadata_environment(), "ENTRAID_MANAGED_IDENTITY": "system"}
    site = start(trusted, {**pointed_at(trusted), **host})
    trusted.login.forge(forgery)
    told = refused(site, order(site, app.client_id, workload_identity=pb.WorkloadIdentity()))
    for word in words:
        assert word in told
    assert "eyJ" not in told + site.service.log()
    with pytest.raises(grpc.RpcError):
        site.get("main")


def test_nothing_is_configured_for_a_workload(cloud: Emulator, start: Start) -> None:
    """Said with the settings to set; and without an app of its own the service offers no consent."""
    site = start(cloud, pointed_at(cloud))
    words = refused(site, order(site, cloud.apps[1].client_id, workload_identity=pb.WorkloadIdentity()))
    assert "ENTRAID_FEDERATED_TOKEN_FILE" in words
    assert "ENTRAID_CLIENT_ID" in refused(site, pb.ConnectRequest(admin_consent=pb.AdminConsent()))


@pytest.mark.parametrize("kind", ["PEM", "PFX", "federated token"])
def test_the_services_own_app_is_proved_by_each_kind(cloud: Emulator, start: Start, tmp_path: Path, kind: str) -> None:
    """Consent, sign-in and sync with a certificate file or a workload's token in place of a secret."""
    own, pair = cloud.apps[0], KeyPair.new()
    settings = {**pointed_at(cloud), "ENTRAID_CLIENT_ID": own.client_id}
    file = tmp_path / "own"
    if kind == "federated token":
        own.federated_credentials.append(FederatedCredential(issuer=f"{cloud.url}/workload", subject="pod/own"))
        file.write_text(cloud.workload_token("pod/own"), encoding="utf-8")
        settings["ENTRAID_FEDERATED_TOKEN_FILE"] = str(file)
    else:
        own.certificates.append(pair.certificate)
        settings["ENTRAID_CLIENT_CERTIFICATE_FILE"] = str(file)
        if kind == "PFX":
            settings["ENTRAID_CLIENT_CERTIFICATE_PASSWORD"] = PASSWORD
        file.write_bytes(pfx(pair) if kind == "PFX" else pem(pair).encode())
    site = start(cloud, settings)
    visitor = site.visitor()
    assert visitor.open(visitor.to_last_answer(site.link("main"), ADMIN)).status == 303
    assert site.await_sync("main").state == SyncRun.STATE_SUCCEEDED
    assert site.get("main").HasField("credential_expire_time") == (kind != "federated token")
    for word in (PASSWORD, "PRIVATE KEY", "eyJ"):
        assert word not in site.service.log()


def pfx(pair: KeyPair) -> bytes:
    """The pair as PKCS #12 with a password."""
    key = load_pem_private_key(pair.private_key_pem.reveal().encode(), None)
    certificate = load_pem_x509_certificate(pair.certificate_pem.encode())
    encryption = BestAvailableEncryption(PASSWORD.encode())
    return pkcs12.serialize_key_and_certificates(b"own", key, certificate, None, encryption)  # type: ignore[arg-type] # RSA


def test_a_wrong_secret_of_the_services_own_app_is_told_on_the_page(cloud: Emulator, start: Start) -> None:
    """Code, cause, remedy; not the secret."""
    site = start(cloud, {**consent_settings(cloud), "ENTRAID_CLIENT_SECRET": CANARY + "-wrong"})
    visitor = site.visitor()
    page = visitor.open(visitor.decide(visitor.press_connect(site.link("main")), ADMIN))
    assert page.status == 400
    assert "AADSTS7000215" in page.text
    assert CANARY not in page.response.text + site.service.log()


def test_what_breaks_later_is_noticed_at_the_next_token(cloud: Emulator, start: Start) -> None:
    """A revoked consent and a disabled app degrade the connection; the last snapshot answers; then all is well."""
    site = start(cloud, consent_settings(cloud))
    own, home = cloud.apps[0], cloud.tenants[0].tenant_id
    visitor = site.visitor()
    visitor.open(visitor.to_last_answer(site.link("main"), ADMIN))
    assert site.await_sync("main").state == SyncRun.STATE_SUCCEEDED
    site.service.stop()
    own.revoke(home)
    site = start(cloud, consent_settings(cloud))
    assert site.sync("main").state == SyncRun.STATE_FAILED
    found = site.get_degraded("main", "User.Read.All")
    assert not found.granted_permissions
    assert "User.Read.All" in found.missing_permissions
    assert site.users("main")
    site.service.stop()
    own.is_disabled = True
    site = start(cloud, consent_settings(cloud))
    assert site.sync("main").state == SyncRun.STATE_FAILED
    site.get_degraded("main", "AADSTS7000112")
    site.service.stop()
    own.is_disabled = False
    own.grant(home)
    site = start(cloud, consent_settings(cloud))
    assert site.sync("main").state == SyncRun.STATE_SUCCEEDED
    while site.get("main").state != pb.Connection.STATE_ACTIVE:  # a moment after the run has ended
        time.sleep(0.05)
    found = site.get("main")
    assert len(found.granted_permissions) == 2
    assert not found.missing_permissions
    own.remove_from(home)


def expire_secret(app: AppRegistration) -> None:
    """The secret's time is over."""
    app.secrets[:] = [replace(one, expires_at=datetime.now(UTC) - timedelta(days=1)) for one in app.secrets]


@pytest.mark.parametrize(
    ("break_it", "code"),
    [
        (lambda cloud, app: cloud.apps.remove(app), "AADSTS700016"),
        (lambda cloud, app: app.remove_from(cloud.tenants[0].tenant_id), "AADSTS700016"),
        (lambda _, app: expire_secret(app), "AADSTS7000222"),
        (lambda _, app: app.secrets.clear(), "AADSTS7000215"),
    ],
    ids=["app deleted", "removed from the tenant", "secret expired", "secret deleted"],
)
def test_an_app_that_is_gone_or_a_secret_that_ended_degrades(
    tmp_path_factory: pytest.TempPathFactory,
    start: Start,
    break_it: Callable[[Emulator, AppRegistration], None],
    code: str,
) -> None:
    """Noticed at the next token, told with its code, and what was read last still answers and decides."""
    ca_file = tmp_path_factory.mktemp("broken") / "ca.pem"
    app = default_app()
    with in_background(Emulator([contoso()], apps=[app, default_app()], ca_file=ca_file)) as cloud:
        app.grant(cloud.tenants[0].tenant_id)
        site = start(cloud, pointed_at(cloud))
        check_connects_and_syncs(site, order(site, app.client_id, client_secret=app.client_secret.reveal()))
        site.service.stop()
        break_it(cloud, app)
        site = start(cloud, pointed_at(cloud))
        assert site.sync("main").state == SyncRun.STATE_FAILED
        site.get_degraded("main", code)
        assert site.users("main")
        user = f"connections/main/users/{ADMIN}"
        request = EvaluateAccessRequest(user=user, condition=conditions.user(ADMIN))
        answer = site.call("AccessService/EvaluateAccess", request, EvaluateAccessResponse)
        assert answer.decision == DECISION_ALLOW


def test_credentials_are_swapped_without_a_gap(cloud: Emulator, start: Start) -> None:
    """A refused renewal keeps the old credential; an accepted one replaces it; data is served all the time."""
    site = start(cloud, pointed_at(cloud))
    app, pair = cloud.apps[1], KeyPair.new()
    check_connects_and_syncs(site, order(site, app.client_id, client_secret=app.client_secret.reveal()))
    assert "AADSTS7000215" in refused(site, order(site, app.client_id, client_secret="wrong"))
    assert site.get("main").state == pb.Connection.STATE_ACTIVE
    assert site.sync("main").state == SyncRun.STATE_SUCCEEDED
    app.certificates.append(pair.certificate)
    renewed = check_connects_and_syncs(site, order(site, app.client_id, certificate_pem=pem(pair)))
    assert renewed.HasField("snapshot")
    cloud.login.refuse(Refusal(code=7000222, at="token", client_id=app.client_id))
    checked = order(site, app.client_id, client_secret=app.client_secret.reveal())
    checked.validate_only = True
    assert "AADSTS7000222" in refused(site, checked)
    answer = site.connect(checked).connection
    assert answer.granted_permissions
    assert site.get("main").etag == renewed.etag
