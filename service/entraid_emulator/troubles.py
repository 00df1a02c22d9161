"""Troubles that clients of Graph have met, by name, as faults: what a sync has to survive. Data and its picking."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from entraid_emulator.faults import Fault
from entraid_emulator.rewrites import Rewrite

_CLAIMS = base64.b64encode(b'{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}').decode()
_CHALLENGE = (
    'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize",'
    ' client_id="00000003-0000-0000-c000-000000000000",'
    ' errorDescription="Continuous access evaluation resulted in challenge with result: InteractionRequired and code:'
    f' TokenIssuedBeforeRevocationTimestamp", error="insufficient_claims", claims="{_CLAIMS}"'
)
_ELSEWHERE = "https://graph.attacker.example"

TROUBLES: Mapping[str, Fault] = {
    # https://learn.microsoft.com/graph/throttling: Retry-After in every form that was seen, and without it
    "throttled": Fault(status=429, headers={"Retry-After": "1"}),
    "throttled-fraction": Fault(status=429, headers={"Retry-After": "2.128"}),
    "throttled-date": Fault(status=429, retry_after_date=timedelta(seconds=2)),
    "throttled-empty": Fault(status=429, headers={"Retry-After": ""}),
    "throttled-bare": Fault(status=429),
    "throttled-long": Fault(status=429, headers={"Retry-After": "120"}),
    # https://learn.microsoft.com/graph/errors
    "error-500": Fault(status=500),
    "error-502": Fault(status=502, headers={"Content-Type": "text/html"}, body="<html>502 Bad Gateway</html>"),
    "error-503": Fault(status=503, headers={"Retry-After": "1"}),
    "error-504": Fault(status=504),
    "reset": Fault(drop=True),
    "truncated": Fault(cut=40),
    "truncated-json": Fault(status=200, body='{"@odata.context":"x","value":[{"id":"'),
    "html": Fault(status=200, headers={"Content-Type": "text/html"}, body="<html><body>Sign in</body></html>"),
    "slow-drip": Fault(drip=timedelta(milliseconds=200), piece=16),
    "redirect": Fault(status=302, headers={"Location": f"{_ELSEWHERE}/v1.0/users"}, body=""),
    "denied": Fault(status=403),
    "rejected-token": Fault(status=401, headers={"WWW-Authenticate": 'Bearer realm="", error="invalid_token"'}),
    # https://learn.microsoft.com/entra/identity-platform/claims-challenge
    "claims-challenge": Fault(status=401, headers={"WWW-Authenticate": _CHALLENGE}),
    # https://github.com/microsoftgraph/msgraph-sdk-dotnet/issues/2254
    "expired-page-token": Fault(
        status=400,
        body={
            "error": {
                "code": "Directory_ExpiredPageToken",
                "message": "The specified page token value has expired and can no longer be included in your request.",
            }
        },
    ),
    # a list that is no list, links that lead astray: nothing that Graph documents, everything that was met
    "link-elsewhere": Fault(rewrite=Rewrite(link_origin=_ELSEWHERE)),
    "link-unencrypted": Fault(rewrite=Rewrite(link_origin="http://localhost:80")),
    "repeated-link": Fault(rewrite=Rewrite(repeats_link=True)),
    "no-value": Fault(rewrite=Rewrite(without=("value",))),
    "null-value": Fault(rewrite=Rewrite(put={"value": None})),
    "no-links": Fault(rewrite=Rewrite(without=("@odata.nextLink", "@odata.deltaLink"))),
    "odd-record": Fault(rewrite=Rewrite(inject=({"id": 7, "displayName": ["odd"]}, "odd", {"displayName": "no id"}))),
    "odd-values": Fault(rewrite=Rewrite(spoil={"displayName": {"odd": True}, "accountEnabled": "yes"})),
    "unknown-type": Fault(rewrite=Rewrite(retype="#microsoft.graph.somethingNew")),
}
"""Faults by name; as they stand here each hits any one request."""

STORM = ("throttled", "error-503", "reset", "truncated-json", "html", "slow-drip")
"""What a storm is made of if nobody says."""


def trouble(
    name: str, *, path: str = "^/v1.0/", times: int | None = 1, after: int = 0, method: str | None = None
) -> Fault:
    """A trouble by name, for some requests.

    Raises:
        ValueError: there is no trouble of that name.
    """
    return replace(_named(name), path=path, times=times, after=after, method=method)


def storm(*, chance: float = 0.2, seed: int = 0, path: str = "^/v1.0/", of: Sequence[str] = STORM) -> Fault:
    """A share of all requests fails for ever, each in one of several ways, repeatably by `seed`.

    Raises:
        ValueError: there is no trouble of one of these names, or the chance is none.
    """
    if not 0 <= chance <= 1:
        raise ValueError(f"a chance is between 0 and 1, got `{chance}`")
    return Fault(path=path, times=None, chance=chance, seed=seed, any_of=tuple(_named(name) for name in of))


def _named(name: str) -> Fault:
    if name not in TROUBLES:
        raise ValueError(f"no trouble `{name}`; there are `{'`, `'.join(TROUBLES)}`")
    return TROUBLES[name]
