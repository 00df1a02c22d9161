"""Faults as JSON documents: what the control interface takes. Reading only."""

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import timedelta
from typing import TypeVar

from entraid_emulator.faults import Fault
from entraid_emulator.objects import Json
from entraid_emulator.rewrites import Rewrite
from entraid_emulator.troubles import storm, trouble

T = TypeVar("T")

_DURATIONS = {"delay_ms": "delay", "drip_ms": "drip", "retry_after_date_ms": "retry_after_date"}
_PLAIN = {
    "path": str,
    "method": str,
    "after": int,
    "times": int,
    "chance": float,
    "seed": int,
    "status": int,
    "drop": bool,
    "cut": int,
    "piece": int,
}


class FaultDocumentError(ValueError):
    """The document is no fault; the text says where."""


def fault_of(document: Json) -> Fault:
    """A fault from its document: the fields of `Fault`, durations in milliseconds (`delay_ms`, ...).

    `{"trouble": "html", "path": "..."}` begins with a known trouble, `{"storm": 0.2, "seed": 1}` with a storm.

    Raises:
        FaultDocumentError: a member is unknown or of the wrong type.
    """
    if not isinstance(document, Mapping):
        raise FaultDocumentError("a fault is a JSON object")
    given = dict(document)
    fault = _begun(given)
    changes: dict[str, object] = {}
    for name, value in given.items():
        if name in _PLAIN:
            changes[name] = _of_type(name, value, _PLAIN[name])
        elif name in _DURATIONS:
            changes[_DURATIONS[name]] = timedelta(milliseconds=_number(name, value))
        elif name == "headers" and isinstance(value, Mapping):
            changes[name] = {key: str(one) for key, one in value.items()}
        elif name == "body":
            changes[name] = value
        elif name == "rewrite":
            changes[name] = _rewrite(value)
        elif name == "any_of" and isinstance(value, list):
            changes[name] = tuple(fault_of(one) for one in value)
        else:
            raise FaultDocumentError(f"a fault has no `{name}` of that shape")
    return replace(fault, **changes)  # type: ignore[arg-type]  # each value was checked by name


def _begun(given: dict[str, Json]) -> Fault:
    name, chance = given.pop("trouble", None), given.pop("storm", None)
    try:
        if name is not None:
            return trouble(str(name))
        return Fault() if chance is None else storm(chance=_number("storm", chance))
    except ValueError as error:
        raise FaultDocumentError(str(error)) from error


def _rewrite(value: Json) -> Rewrite:
    known = {one.name for one in fields(Rewrite)}
    if not isinstance(value, Mapping) or not value.keys() <= known:
        raise FaultDocumentError(f"a rewrite has only `{'`, `'.join(sorted(known))}`")
    listed = {name: tuple(one) if isinstance(one, list) else one for name, one in value.items()}
    return replace(Rewrite(), **listed)  # type: ignore[arg-type]  # a wrong type shows in the first answer it rewrites


def _number(name: str, value: Json) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FaultDocumentError(f"`{name}` has to be a number, got `{value!r}`")
    return float(value)


def _of_type(name: str, value: Json, wanted: type) -> Json:
    if value is None and name in {"times", "method", "status", "cut"}:
        return None
    if wanted is float:
        return _number(name, value)
    if type(value) is not wanted:
        raise FaultDocumentError(f"`{name}` has to be of type `{wanted.__name__}`, got `{value!r}`")
    return value
