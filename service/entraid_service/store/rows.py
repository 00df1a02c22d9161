"""The form on disk: ids, times and records, each way.

GUIDs take 16 bytes instead of 36; directory records are MessagePack with sorted keys, so that equal objects are equal
bytes and a difference can be found by the database; what people may want to look at with a database shell is JSON.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from entraid_service.model.directory import AttributeValue, Group, GroupKind, User
from entraid_service.model.ids import GroupId, UserId, fold_name
from entraid_service.model.keys import Key, decode_id
from entraid_service.model.report import ErrorReport
from entraid_service.model.scope import Scope
from entraid_service.model.syncrun import SyncRun

FIRST_KEY = 0
"""Sorts before every key: SQLite orders integers before texts before blobs."""

UPN = 0
MAIL = 1

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class _UserRow(msgspec.Struct, array_like=True, frozen=True):
    attributes: dict[str, AttributeValue]
    manager: str | None = None


class _GroupRow(msgspec.Struct, array_like=True, frozen=True):
    display_name: str
    kind: GroupKind
    description: str = ""
    mail: str = ""
    membership_rule: str = ""
    is_opaque: bool = False


_pack = msgspec.msgpack.Encoder(order="deterministic").encode
_unpack_user = msgspec.msgpack.Decoder(_UserRow).decode
_unpack_group = msgspec.msgpack.Decoder(_GroupRow).decode
_json = msgspec.json.Encoder(order="deterministic").encode
_run = msgspec.json.Decoder(SyncRun).decode
_scope = msgspec.json.Decoder(Scope).decode
_report = msgspec.json.Decoder(ErrorReport).decode
_texts = msgspec.json.Decoder(tuple[str, ...]).decode
_links = msgspec.json.Decoder(dict[str, str]).decode


def encode_time(time: datetime) -> int:
    """Microseconds since the epoch, without passing through a float."""
    return (time - _EPOCH) // _MICROSECOND


def decode_time(microseconds: int) -> datetime:
    """The aware time in UTC."""
    return _EPOCH + microseconds * _MICROSECOND


def encode_user(user: User) -> bytes:
    """A user's record, without the id."""
    return _pack(_UserRow(dict(user.attributes), user.manager_id))


def decode_user(key: Key, record: bytes) -> User:
    """The user of a row."""
    row = _unpack_user(record)
    manager_id = UserId(row.manager) if row.manager is not None else None
    return User(UserId(decode_id(key)), row.attributes, manager_id)


def names_of(user: User) -> Iterator[tuple[int, str]]:
    """Every name that finds a user, as (kind, folded name)."""
    if upn := user.user_principal_name:
        yield UPN, fold_name(upn)
    for address in {fold_name(mail) for mail in user.mail_addresses()}:
        yield MAIL, address


def encode_group(group: Group) -> bytes:
    """A group's record, without the id."""
    return _pack(
        _GroupRow(
            display_name=group.display_name,
            kind=group.kind,
            description=group.description,
            mail=group.mail,
            membership_rule=group.membership_rule,
            is_opaque=group.is_opaque,
        )
    )


def decode_group(key: Key, record: bytes) -> Group:
    """The group of a row."""
    row = _unpack_group(record)
    return Group(
        id=GroupId(decode_id(key)),
        display_name=row.display_name,
        kind=row.kind,
        description=row.description,
        mail=row.mail,
        membership_rule=row.membership_rule,
        is_opaque=row.is_opaque,
    )


def encode_run(run: SyncRun) -> str:
    """A run as JSON."""
    return _json(run).decode()


def decode_run(record: str) -> SyncRun:
    """The run of a record."""
    return _run(record)


def encode_scope(scope: Scope) -> str:
    """A scope as JSON."""
    return _json(scope).decode()


def decode_scope(record: str) -> Scope:
    """The scope of a record."""
    return _scope(record)


def encode_report(report: ErrorReport | None) -> str | None:
    """An error as JSON, None for none."""
    return None if report is None else _json(report).decode()


def decode_report(record: str | None) -> ErrorReport | None:
    """The error of a record, None for none."""
    return None if record is None else _report(record)


def encode_group_links(links: Mapping[str, str]) -> str:
    """Links by the groups that they cover, as a JSON object."""
    return _json(dict(links)).decode()


def decode_group_links(record: str) -> dict[str, str]:
    """The links of a record."""
    return _links(record)


def encode_texts(texts: tuple[str, ...]) -> str:
    """Texts as a JSON array."""
    return _json(texts).decode()


def decode_texts(record: str) -> tuple[str, ...]:
    """The texts of a record."""
    return _texts(record)
