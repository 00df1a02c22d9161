import base64
import json
from collections.abc import Callable
from pathlib import Path

from consent.conftest import ADMIN, CANARY, Site, consent_settings
from consent.visitor import query_of
from e2e.harness import Service, entraid
from entraid.v1 import connection_service_pb2 as pb
from entraid_emulator import ClientSecret, Emulator, Secret
from entraid_service.oauth.keys import read_key_file

THEIRS = "canary~Theirs.5Xw-secret_of.the~tenants-app"
PEOPLE = b"nadia.rahman"
Start = Callable[[Emulator, dict[str, str]], Site]


def everything_in(folder: Path) -> bytes:
    """All bytes of all files but the keys."""
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file() and path.suffix != ".key")


def connect_theirs(site: Site, emulator: Emulator) -> None:
    """A connection with credentials that are kept."""
    app = pb.AppCredentials(client_id=emulator.apps[1].client_id, client_secret=THEIRS)
    site.connect(pb.ConnectRequest(connection_id="theirs", tenant=site.home.tenant_id, app_credentials=app))


def rotated(service: Service, **settings: str) -> str:
    """Runs `entraid rotate-key` beside the service."""
    database = f"sqlite:///{service.folder / 'entraid.db'}"
    ended = entraid("rotate-key", environment={"ENTRAID_DATABASE_URL": database, **settings}, folder=service.folder)
    assert ended.code == 0, ended.err
    return ended.out


def test_no_secret_of_a_consent_is_anywhere(emulator: Emulator, start: Start) -> None:
    """Link, states, cookie, code, verifier, app secret: in no file, log or metric, while under way and afterwards."""
    site = start(emulator, consent_settings(emulator))
    visitor = site.visitor()
    link = site.link("clean")
    entra = visitor.press_connect(link)
    answer = visitor.decide(entra, ADMIN)
    onward = visitor.open(answer).location
    last = visitor.decide(onward, ADMIN)
    secrets = [
        CANARY,
        link.rpartition("/")[2],
        query_of(entra)["state"],
        query_of(answer)["code"],
        query_of(onward)["state"],
        *visitor.session.cookies.get_dict().values(),
    ]
    seen = everything_in(site.service.folder)
    metrics = visitor.open(f"{site.base}/metrics").response.text
    visitor.open(last)
    site.await_sync("clean")
    for secret in secrets:
        assert len(secret) > 30
        for text in (seen, everything_in(site.service.folder), metrics.encode(), site.service.log().encode()):
            assert secret.encode() not in text
    assert "eyJ" not in site.service.log()
    assert b"code_verifier" not in seen


def test_check_masks_the_secrets_of_the_app(emulator: Emulator, tmp_path: Path) -> None:
    """`entraid check` prints that they are there, not what they are."""
    settings = {**consent_settings(emulator), "ENTRAID_CLIENT_CERTIFICATE_PASSWORD": THEIRS}
    ended = entraid("check", environment=settings, folder=tmp_path)
    assert ended.code == 0, ended.err
    assert "ENTRAID_CLIENT_SECRET=***" in ended.out
    assert "ENTRAID_CLIENT_CERTIFICATE_PASSWORD=***" in ended.out
    assert CANARY not in ended.out + ended.err
    assert THEIRS not in ended.out + ended.err


def test_the_key_is_changed_while_the_service_runs(emulator: Emulator, start: Start) -> None:
    """Old sealed bytes are gone, new ones open, also in the running service; the file holds one key, its owner's."""
    use_secret(emulator)
    site = start(emulator, consent_settings(emulator))
    connect_theirs(site, emulator)
    site.ask("waiting")
    key_file = site.service.folder / "entraid.key"
    old_key, old_id = key_file.read_text(encoding="ascii"), sealing_id(site.service.folder)
    assert "2 stored secrets sealed anew" in rotated(site.service)
    assert key_file.read_text(encoding="ascii") != old_key
    assert len(key_file.read_text(encoding="ascii").split()) == 1
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert sealing_id(site.service.folder) != old_id
    assert old_id not in everything_in(site.service.folder)
    assert site.sync("theirs").error.message == ""
    connect_theirs(site, emulator)
    site.service.stop()
    again = start(emulator, consent_settings(emulator))
    assert again.sync("theirs").error.message == ""
    assert THEIRS not in again.service.log()
    assert THEIRS.encode() not in everything_in(again.service.folder)


def test_keys_of_the_settings_change_by_their_first_line(emulator: Emulator, start: Start) -> None:
    """A new key before the old one; afterwards the old one is not needed; without it before, nothing is changed."""
    use_secret(emulator)
    old, new = (base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))
    settings = consent_settings(emulator)
    site = start(emulator, {**settings, "ENTRAID_ENCRYPTION_KEY": old})
    connect_theirs(site, emulator)
    site.service.stop()
    database = f"sqlite:///{site.service.folder / 'entraid.db'}"
    alone = {"ENTRAID_DATABASE_URL": database, "ENTRAID_ENCRYPTION_KEY": new}
    ended = entraid("rotate-key", environment=alone, folder=site.service.folder)
    assert ended.code == 1
    assert "another encryption key" in ended.err
    assert "1 stored secrets sealed anew" in rotated(site.service, ENTRAID_ENCRYPTION_KEY=f"{new}\n{old}")
    again = start(emulator, {**settings, "ENTRAID_ENCRYPTION_KEY": new})
    assert again.sync("theirs").error.message == ""
    assert not (again.service.folder / "entraid.key").exists()


def test_disconnect_leaves_nothing_of_a_consent(emulator: Emulator, start: Start) -> None:
    """Neither people nor consents nor what bound them is left in the database and its log."""
    site = start(emulator, consent_settings(emulator))
    visitor = site.visitor()
    outcome = visitor.open(visitor.to_last_answer(site.link("leaving"), ADMIN)).location
    site.await_sync("leaving")
    consent_id = outcome.rpartition("/")[2].encode()
    assert consent_id in everything_in(site.service.folder)
    assert PEOPLE in everything_in(site.service.folder)
    site.disconnect("leaving")
    databases = b"".join(path.read_bytes() for path in site.service.folder.glob("entraid.db*"))
    for word in (consent_id, PEOPLE, b"leaving", site.home.tenant_id.encode()):
        assert word not in databases
    assert visitor.open(outcome).status == 400


def use_secret(emulator: Emulator) -> None:
    """Lets the tenants' app be proved by the canary."""
    emulator.apps[1].secrets = [ClientSecret(Secret(THEIRS))]


def sealing_id(folder: Path) -> bytes:
    """Version and key id, with which everything that the key of a folder seals begins."""
    return b"\x01" + read_key_file(folder / "entraid.key")[0].id


def test_log_lines_stay_json(emulator: Emulator, start: Start) -> None:
    """What an administrator typed, or Entra said, breaks no line."""
    site = start(emulator, consent_settings(emulator))
    visitor = site.visitor()
    answer = visitor.decide(visitor.press_connect(site.link("lines"), groups="a\tb, c"), ADMIN)
    visitor.open(answer.replace("code=", "code=%0A%0D%7B"))
    for line in site.service.log().splitlines():
        assert isinstance(json.loads(line), dict)
