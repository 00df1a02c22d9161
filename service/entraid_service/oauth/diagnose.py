"""From what went wrong at the login side to an error in plain words: what, why, what to do next. Pure."""

import re
import ssl
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from http import HTTPStatus

from entraid_service.errors import ConsentDeclined, CredentialsRejected, EntraidError, EntraUnavailable
from entraid_service.oauth.aadsts import DIAGNOSES
from entraid_service.oauth.diagnosis import REFERENCE, Diagnosis, Ground

_CODE = re.compile(r"AADSTS(\d{4,9})")
_TRACE = re.compile(r"Trace ID:\s*([0-9A-Fa-f-]{36})")
_TAIL = re.compile(r"\s*(?:Trace ID|Correlation ID|Timestamp):.*", re.DOTALL)
_MAX_TEXT = 300
"""Characters of Entra's own words that are passed on."""

_TIMEOUTS = frozenset({"ReadTimeout", "ReadTimeoutError", "ConnectTimeout", "TimeoutError", "Timeout"})
_UNKNOWN_NAMES = frozenset({"NameResolutionError", "gaierror"})
"""Exceptions by name, since only `wire` knows the HTTP library."""

_DECLINED = frozenset({"access_denied", "consent_required", "permission_denied"})
"""What Entra calls a refusal by a person, at its three endpoints."""

_DECLINED_CODE = 65004
_DECLINED_CODES = frozenset({_DECLINED_CODE, 65001, 90094, 90095})

_PASSING_ERRORS = frozenset({"temporarily_unavailable", "server_error", "slow_down"})
"""OAuth's words for what passes by itself (https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1)."""


def diagnose(
    answer: Mapping[str, object], *, status: int = HTTPStatus.BAD_REQUEST, retry_after: timedelta | None = None
) -> EntraidError:
    """The error that Entra's refusal means.

    Args:
        answer: The JSON object of the refusal: `error`, `error_description`, `error_codes`, `trace_id`; any may be
            missing.
        status: HTTP status it came with.
        retry_after: What Entra asked for, if it did.

    Returns:
        `EntraUnavailable` for what passes by itself, else `CredentialsRejected`.
    """
    code = _code(answer)
    trace_id = _trace_id(answer)
    known = DIAGNOSES.get(code) if code else None
    if _is_passing(answer, status, known):
        text = known.cause if known else own_words(answer) or f"it answered with status {status}"
        named = f" (AADSTS{code})" if code else ""
        return EntraUnavailable(
            f"Entra did not issue a token{named}: {text}; nothing has to be changed, try again later{_trace(trace_id)}",
            retry_after=retry_after,
        )
    aadsts = f"AADSTS{code}" if code else ""
    text = _known_text(known, aadsts) if known else _unknown_text(answer, status)
    return CredentialsRejected(text + _trace(trace_id), aadsts=aadsts, trace_id=trace_id)


def diagnose_redirect(answer: Mapping[str, str]) -> EntraidError | None:
    """The error that the query of a redirect means, None if it tells of none.

    To be asked before anything else in it is believed: admin consent that was declined comes back with
    `admin_consent=True` too (https://learn.microsoft.com/entra/identity-platform/v2-admin-consent#error-response).
    Everything in it may be forged, so that it is only ever shown, never acted upon.
    """
    error = answer.get("error")
    if not error:
        return None
    code = _code(answer)
    if error not in _DECLINED and code not in _DECLINED_CODES:
        return diagnose(answer)
    trace_id = _trace_id(answer)
    aadsts = f"AADSTS{code}" if code else ""
    known = DIAGNOSES.get(code) if code else None
    if known is not None and known.ground is not Ground.CONSENT:
        return diagnose(answer)
    text = known or DIAGNOSES[_DECLINED_CODE]
    named = f" ({aadsts})" if aadsts else ""
    return ConsentDeclined(
        f"Entra reports that consent was not given{named}: {text.cause}; {text.remedy}; see {text.link}"
        f"{_trace(trace_id)}",
        error=_line(error),
        aadsts=aadsts,
        trace_id=trace_id,
    )


def unreachable(error: BaseException, *, host: str, through_proxy: bool = False) -> EntraUnavailable:
    """The error that a failed connection to the login host means.

    Only the kind of failure and the host are told: texts of HTTP libraries may hold URLs with credentials.
    """
    chain = tuple(_chain(error))
    asked = _asked_host(chain)
    host = asked if asked and asked != host.partition(":")[0] else host
    way = " through the configured proxy" if through_proxy else ""
    return EntraUnavailable(_tls_text(chain, host) or _network_text(chain, host, way=way))


def _asked_host(chain: Sequence[BaseException]) -> str:
    """The host that a connection was tried to, where that is told: a document may name another one than was set."""
    pools = (getattr(link, "pool", None) for link in chain)
    hosts = (getattr(pool, "host", None) for pool in pools)
    return next((host for host in hosts if isinstance(host, str)), "")


def _tls_text(chain: Sequence[BaseException], host: str) -> str:
    certificate = next((link for link in chain if isinstance(link, ssl.SSLCertVerificationError)), None)
    if certificate is not None:
        return (
            f"the TLS certificate of `{host}` is not trusted: {certificate.verify_message}; if a proxy or a private "
            "authority signs it, set the CA bundle to its certificate"
        )
    if any(isinstance(link, ssl.SSLError) for link in chain):
        return f"no TLS connection to `{host}` came about: check the authority URL, and what stands between"
    return ""


def _network_text(chain: Sequence[BaseException], host: str, *, way: str) -> str:
    names = {type(link).__name__ for link in chain}
    if "ProxyError" in names:
        return f"`{host}` cannot be reached{way}: check the proxy's address and credentials"
    if names & _TIMEOUTS:
        return f"`{host}` did not answer in time{way}: try again later, and check firewall and proxy"
    if names & _UNKNOWN_NAMES:
        return f"the name `{host}` cannot be resolved: check the authority URL, and DNS"
    if "BrokenAnswer" in names or isinstance(chain[0], ValueError | KeyError | TypeError | RuntimeError):
        return (
            f"`{host}` did not answer as the login side of Entra does: check the authority URL, and whether a proxy "
            "answers in its place"
        )
    return f"`{host}` cannot be reached{way}: check the authority URL, the network and the proxy"


def _code(answer: Mapping[str, object]) -> int | None:
    codes = answer.get("error_codes")
    if isinstance(codes, list) and codes and isinstance(codes[0], int):
        return codes[0]
    found = _CODE.search(str(answer.get("error_description", "")))
    return int(found[1]) if found else None


def _trace_id(answer: Mapping[str, object]) -> str:
    if told := _line(answer.get("trace_id")):
        return told
    found = _TRACE.search(str(answer.get("error_description", "")))
    return found[1] if found else ""


def _is_passing(answer: Mapping[str, object], status: int, known: Diagnosis | None) -> bool:
    if known is not None and known.ground is Ground.TRANSIENT:
        return True
    return (
        status == HTTPStatus.TOO_MANY_REQUESTS
        or status >= HTTPStatus.INTERNAL_SERVER_ERROR
        or _line(answer.get("error")) in _PASSING_ERRORS
    )


def _known_text(known: Diagnosis, aadsts: str) -> str:
    return f"Entra rejected {known.rejected} ({aadsts}): {known.cause}; {known.remedy}; see {known.link}"


def _unknown_text(answer: Mapping[str, object], status: int) -> str:
    word = _line(answer.get("error")) or f"status {status}"
    text = own_words(answer)
    said = f"{word}: {text}" if text else word
    return f"Entra rejected the app's request for a token; its own words: {said}; look the code up at {REFERENCE}"


def own_words(answer: Mapping[str, object]) -> str:
    """What Entra said, in one line without the ids at its end."""
    return _line(_TAIL.sub("", str(answer.get("error_description") or "")))


def _line(value: object) -> str:
    """One printable line of bounded length: Entra's texts go into logs and terminals."""
    text = value if isinstance(value, str) else ""
    clean = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return clean if len(clean) <= _MAX_TEXT else clean[:_MAX_TEXT] + "…"


def _trace(trace_id: str) -> str:
    return f"; trace ID `{trace_id}`" if trace_id else ""


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what it says it came from; urllib3 keeps that in `reason` or in its arguments."""
    seen: set[int] = set()
    todo: list[BaseException] = [error]
    while todo:
        link = todo.pop()
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        candidates = (link.__cause__, link.__context__, getattr(link, "reason", None), *link.args)
        todo.extend(one for one in candidates if isinstance(one, BaseException))
