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
        return self._http_status == HTTPStatus.BAD_REQUEST

    @property
    def is_missing_object(self) -> bool:
        """Whether Graph itself said that there is no such object; a 404 of a proxy or a wrong URL is not that."""
        return self._http_status == HTTPStatus.NOT_FOUND and self.code.lower().endswith("notfound")


def refusal(answer: Answer, *, subject: Subject) -> EntraidError:
    """The error that an answer means which is neither the data asked for nor passing by itself."""
    said = answer.described()
    if answer.error()[0].lower() in _EXPIRED_CODES or answer.status == HTTPStatus.GONE:
        return ListExpired(f"Microsoft Graph dropped the list of {subject.name} while it was read ({said})")
    match answer.status:
        case HTTPStatus.UNAUTHORIZED:
            return CredentialsRejected(
                f"Microsoft Graph rejected a new token ({said}): check that the Graph URL is of the tenant's cloud, "
                "and that the app is not disabled or blocked by Conditional Access"
            )
        case HTTPStatus.FORBIDDEN:
            return permission_missing(subject, said=said)
        case HTTPStatus.OK:
            return unusable(f"its answer to the request for {subject.name} is not JSON", request_id=answer.request_id)
        case HTTPStatus.BAD_REQUEST:
            return GraphRefused(
                f"Microsoft Graph refused the request for {subject.name} ({said}): check the names of the "
                "attributes to sync",
                answer=answer,
            )
        case _:
            return GraphRefused(
                f"Microsoft Graph refused the request for {subject.name} ({said}): check the Graph URL", answer=answer
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
