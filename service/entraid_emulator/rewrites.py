"""Answers of the emulator bent out of shape: links that lead elsewhere, parts missing, odd records. As data.

What a client must survive though Graph should never send it, and what a proxy or an attacker in between could make of
an answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from entraid_emulator.objects import ODATA_TYPE, Json

_LINKS = ("@odata.nextLink", "@odata.deltaLink")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrite:
    """What is done to a JSON document before it is sent, in this order.

    Attributes:
        link_origin: scheme, host and port that its links are to have, such as `https://attacker.example`.
        repeats_link: whether its nextLink is to lead to the page itself.
        without: members of the document that are taken out, such as `value`.
        put: members of the document that are set.
        inject: records put in front of those in `value`.
        retype: `@odata.type` of the first record.
        spoil: properties set in the first record.
        conceal: properties taken out of every record.
    """

    link_origin: str | None = None
    repeats_link: bool = False
    without: tuple[str, ...] = ()
    put: Mapping[str, Json] = field(default_factory=dict)
    inject: tuple[Json, ...] = ()
    retype: str | None = None
    spoil: Mapping[str, Json] = field(default_factory=dict)
    conceal: tuple[str, ...] = ()


def rewritten(document: Mapping[str, Json], rewrite: Rewrite, *, own_url: str) -> Mapping[str, Json]:
    """The document after a rewrite; `own_url` is the address it was asked at."""
    changed = dict(document)
    for name in _LINKS:
        link = changed.get(name)
        if isinstance(link, str) and rewrite.link_origin is not None:
            changed[name] = _moved(link, rewrite.link_origin)
    if rewrite.repeats_link and _LINKS[0] in changed:
        changed[_LINKS[0]] = own_url
    changed = {name: value for name, value in changed.items() if name not in rewrite.without} | dict(rewrite.put)
    records = changed.get("value")
    if isinstance(records, Sequence) and not isinstance(records, str):
        changed["value"] = [*rewrite.inject, *_concealed(_spoiled(records, rewrite), rewrite)]
    return changed


def _spoiled(records: Sequence[Json], rewrite: Rewrite) -> Sequence[Json]:
    first = records[0] if records else None
    more: dict[str, Json] = {**rewrite.spoil, **({} if rewrite.retype is None else {ODATA_TYPE: rewrite.retype})}
    if not isinstance(first, Mapping) or not more:
        return records
    return [{**first, **more}, *records[1:]]


def _concealed(records: Sequence[Json], rewrite: Rewrite) -> Sequence[Json]:
    if not rewrite.conceal:
        return records
    return [
        {name: value for name, value in record.items() if name not in rewrite.conceal}
        if isinstance(record, Mapping)
        else record
        for record in records
    ]


def _moved(link: str, origin: str) -> str:
    target, parts = urlsplit(origin), urlsplit(link)
    return urlunsplit((target.scheme, target.netloc, parts.path, parts.query, parts.fragment))
