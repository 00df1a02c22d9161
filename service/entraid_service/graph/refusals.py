"""What Graph's refusals mean: from an answer to an error of ours, one table. Pure.

https://learn.microsoft.com/graph/errors. Retries, throttles and tokens are dealt with before an answer comes here.
"""

import base64
import binascii
import json
import re
from http import HTTPStatus

from entraid_service.errors import CredentialsRejected, EntraidError, GraphUnavailable, ListExpired
from entraid_service.graph.answer import Answer
from entraid_service.graph.permissions import Subject, permission_missing

_EXPIRED_CODES = frozenset({"directory_expiredpagetoken", "syncstatenotfound", "resyncrequired"})
_EXPIRED_WORDS = re.compile(
    r"(delta ?link|delta ?token|sync state|page token).*(older than|expired|not found|no longer)", re.IGNORECASE
)
"""Two of the forms in which Graph was seen to say it have no code of their own: `Request_UnsupportedQuery` with
"DeltaLink older than 30 days is not supported", and `BadRequest` with "The sync state generation is not found".
How long a token is good for: https://learn.microsoft.com/graph/delta-query-overview."""

_BAD_QUERY = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_IMPLEMENTED})
_NOT_OFFERED = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED})
_NOT_OFFERED_CODES = frozenset(
    {
        "badrequest",  # "Resource not found for the segment 'delta'", also "Could not find a property named"
        "request_badrequest",
        "request_unsupportedquery",
        "unsupportedquery",
        "request_resourcenotfound",
        "resourcenotfound",
        "notsupported",
        "notimplemented",
        "",
    }
)
_ERRORS = "https://learn.microsoft.com/graph/errors"
_AUTH_ERRORS = "https://learn.microsoft.com/graph/resolve-auth-errors"
_CLAIMS = re.compile(r'claims\s*=\s*"([^"]+)"', re.IGNORECASE)


class GraphRefused(GraphUnavailable):
    """Graph refused the request itself (4xx). `code` is Graph's."""

    def __init__(self, message: str, *, answer: Answer) -> None:
        super().__init__(message, request_id=answer.request_id)
        self._http_status = answer.status
        self.code = answer.error()[0]

    @property
    def is_bad_query(self) -> bool:
        """Whether the query was refused, so that another one may be taken."""
        return self._http_status in _BAD_QUERY

    @property
    def is_not_offered(self) -> bool:
        """Whether Graph does not know the resource, the function or the query at all.

        By status, whatever the body, for 404, 405 and 501; by Graph's code for 400, which it uses for everything; a 400
        without any code says no more than that.
        """
        is_named = self._http_status == HTTPStatus.BAD_REQUEST and self.code.lower() in _NOT_OFFERED_CODES
        return is_named or self._http_status in _NOT_OFFERED

    @property
    def is_missing_object(self) -> bool:
        """Whether Graph itself said that there is no such object; a 404 of a proxy or a wrong URL is not that."""
        return self._http_status == HTTPStatus.NOT_FOUND and self.code.lower().endswith("notfound")


def refusal(answer: Answer, *, subject: Subject) -> EntraidError:
    """The error that an answer means which is neither the data asked for nor passing by itself."""
    said = answer.described()
    if _is_expired(answer):
        return ListExpired(f"Microsoft Graph dropped the list of {subject.name} while it was read ({said})")
    match answer.status:
        case HTTPStatus.UNAUTHORIZED:
            return CredentialsRejected(
                f"Microsoft Graph rejected a new token ({said}): check that the Graph URL is of the tenant's cloud, "
                f"and that the app is not disabled or blocked by Conditional Access; see {_AUTH_ERRORS}"
            )
        case HTTPStatus.FORBIDDEN:
            return permission_missing(subject, said=said)
        case HTTPStatus.OK:
            return unusable(f"its answer to the request for {subject.name} is not JSON", request_id=answer.request_id)
        case _:
            is_query = answer.status in _BAD_QUERY and subject.has_attributes
            what = "names of the attributes to sync (`ENTRAID_USER_ATTRIBUTES`)" if is_query else "Graph URL"
            return GraphRefused(
                f"Microsoft Graph refused the request for {subject.name} ({said}): check the {what}; see {_ERRORS}",
                answer=answer,
            )


def _is_expired(answer: Answer) -> bool:
    if answer.status == HTTPStatus.GONE or not _EXPIRED_CODES.isdisjoint(answer.codes()):
        return True
    return HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR and bool(
        _EXPIRED_WORDS.search(answer.error()[1])
    )


def unusable(text: str, *, request_id: str = "") -> GraphUnavailable:
    """The error for an answer that breaks Graph's protocol."""
    return GraphUnavailable(
        f"Microsoft Graph broke its protocol: {text}; nothing was changed, try again later",
        request_id=request_id,
    )


def claims_challenge(answer: Answer) -> str:
    """The JSON of a claims challenge, empty if there is none or it cannot be read.

    It comes as base64 in either alphabet, with or without padding, see
    https://learn.microsoft.com/entra/identity-platform/claims-challenge.
    """
    found = _CLAIMS.search(answer.headers.get("www-authenticate", ""))
    if not found:
        return ""
    encoded = found[1].strip().rstrip("=").replace("-", "+").replace("_", "/")
    try:
        text = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True).decode()
        is_object = isinstance(json.loads(text), dict)
    except (binascii.Error, ValueError):
        return ""
    return text if is_object else ""
