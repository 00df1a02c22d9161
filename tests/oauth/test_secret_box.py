import base64
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entraid_service.errors import SecretUnreadable
from entraid_service.model.secret import Secret
from entraid_service.oauth.keys import EncryptionKey, KeyUnusable, create_key_file, parse_key, read_key_file
from entraid_service.oauth.secretbox import AesGcmSecretBox

OLD, NEW = (EncryptionKey(bytes([number]) * 32) for number in (1, 2))
CONTEXT = "connection/a/credential"
SECRET = Secret("canary~Secret")


@given(st.text(), st.text())
def test_what_is_sealed_can_be_opened_and_not_read(text: str, context: str) -> None:
    """Every secret comes back under its context, and no two seals are the same."""
    box = AesGcmSecretBox([OLD])
    first, second = (box.seal(Secret(text), context=context) for _ in range(2))
    assert box.open(first, context=context) == Secret(text)
    assert first != second
    assert len(text) < 4 or text.encode() not in first


def test_a_seal_opens_under_its_own_context_only() -> None:
    """A row that is copied to another connection does not open there."""
    box = AesGcmSecretBox([OLD])
    sealed = box.seal(SECRET, context=CONTEXT)
    with pytest.raises(SecretUnreadable, match="another connection"):
        box.open(sealed, context="connection/b/credential")


def test_every_altered_byte_is_noticed() -> None:
    """Version, key id, nonce, text and tag: nothing can be changed or cut."""
    box = AesGcmSecretBox([OLD, NEW])
    sealed = box.seal(SECRET, context=CONTEXT)
    altered = [sealed[:i] + bytes([sealed[i] ^ 1]) + sealed[i + 1 :] for i in range(len(sealed))]
    shortened = [sealed[:i] for i in range(len(sealed))]
    for broken in (*altered, *shortened, sealed + b"\0"):
        with pytest.raises(SecretUnreadable):
            box.open(broken, context=CONTEXT)


def test_keys_are_rotated_by_putting_the_new_one_first() -> None:
    """The first key seals, all of them open, and without the old one its seals say so."""
    old = AesGcmSecretBox([OLD]).seal(SECRET, context=CONTEXT)
    both = AesGcmSecretBox([NEW, OLD])
    assert both.open(old, context=CONTEXT) == SECRET
    new = AesGcmSecretBox([NEW])
    assert new.open(both.seal(SECRET, context=CONTEXT), context=CONTEXT) == SECRET
    with pytest.raises(SecretUnreadable, match="another encryption key"):
        new.open(old, context=CONTEXT)


def test_a_box_needs_a_key() -> None:
    """There is no box that does not encrypt."""
    with pytest.raises(ValueError, match="at least one key"):
        AesGcmSecretBox([])


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_key_is_read_from_either_base64(encode: object) -> None:
    """As `openssl` writes it, and as URLs need it."""
    key = bytes(range(223, 255))
    assert callable(encode)
    assert parse_key(Secret(f" {encode(key).decode()}\n")) == EncryptionKey(key)


@pytest.mark.parametrize(
    "text", ["", "canary", "canary!", base64.b64encode(b"canary" * 3).decode(), "A" * 44 + "=", "ä" * 44]
)
def test_a_bad_key_is_not_shown(text: str) -> None:
    """The error says what a key is and how to make one, not what was given."""
    with pytest.raises(KeyUnusable, match="openssl rand -base64 32") as caught:
        parse_key(Secret(text))
    assert caught.value.__cause__ is None
    assert not text or text not in str(caught.value)


def test_a_key_does_not_show_itself() -> None:
    """Neither the key nor a box prints it."""
    assert repr(NEW) == "EncryptionKey()"
    assert "\\x02" not in repr(AesGcmSecretBox([NEW]))


def test_a_made_key_file_is_its_owners_and_is_read_back(tmp_path: Path) -> None:
    """Mode 0600 whatever the umask, a new key each time, never over an old one."""
    path = tmp_path / "entraid.key"
    former = os.umask(0)
    try:
        key = create_key_file(path)
    finally:
        os.umask(former)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_key_file(path) == (key,)
    with pytest.raises(KeyUnusable, match="already"):
        create_key_file(path)
    assert create_key_file(tmp_path / "second.key") != key


def test_a_key_file_may_hold_former_keys(tmp_path: Path) -> None:
    """One line each, the newest first, empty lines aside."""
    path = tmp_path / "keys"
    lines = [base64.b64encode(key.key).decode() for key in (NEW, OLD)]
    path.write_text("\n".join((lines[0], "", lines[1], "")))
    path.chmod(0o400)
    assert read_key_file(path) == (NEW, OLD)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610])
def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    """A key that others can read protects nothing."""
    path = tmp_path / "entraid.key"
    create_key_file(path)
    path.chmod(mode)
    with pytest.raises(KeyUnusable, match="chmod 600"):
        read_key_file(path)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"canary", b"\xff\xfe"])
def test_a_broken_key_file_is_told_without_its_content(tmp_path: Path, content: bytes) -> None:
    """What is wrong with the file, not what is in it."""
    path = tmp_path / "entraid.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyUnusable) as caught:
        read_key_file(path)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("use", [read_key_file, create_key_file])
def test_a_key_file_in_no_folder_is_told(tmp_path: Path, use: object) -> None:
    """The path and the system's word for it."""
    assert callable(use)
    with pytest.raises(KeyUnusable, match="No such file or directory"):
        use(tmp_path / "none" / "entraid.key")
