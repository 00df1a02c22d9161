"""Client assertions: a JWT instead of a secret, signed with the app's certificate or by an issuer that the app trusts.

Order: shape, then (certificate) thumbprint, signature, audience, issuer and subject, time; or (federation) issuer,
subject, audience, signature, time. https://learn.microsoft.com/entra/identity-platform/certificate-credentials,
https://learn.microsoft.com/entra/workload-id/workload-identity-federation
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import jwt

from entraid_emulator.apps import AppRegistration
from entraid_emulator.cloud import Cloud
from entraid_emulator.login.errors import LoginError, refused
from entraid_emulator.objects import Json

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

_ALGORITHMS = ["PS256", "RS256"]
_SKEW = timedelta(minutes=5)
_UNCHECKED: jwt.types.Options = {
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}


def check(cloud: Cloud, app: AppRegistration, assertion: str, *, endpoints: frozenset[str]) -> None:
    """Let an app in by its assertion, or not.

    Args:
        cloud: for the time and the keys of the workload issuer.
        app: who it claims to be.
        assertion: the JWT.
        endpoints: what a self-signed assertion may be addressed to.

    Raises:
        LoginError: with Entra's code for what is wrong with it.
    """
    if not app.certificates and not app.federated_credentials:
        raise _bad_certificate(app, "The key was not found.")
    header, claims = _opened(assertion)
    is_own = claims.get("iss") == claims.get("sub") or not app.federated_credentials
    if is_own:
        _check_signed(app, assertion, header, now=cloud.clock.now())
        _check_addressed(app, claims, endpoints)
    else:
        _check_trusted(app, claims)
        _check_issued(cloud, claims, assertion, header)
    _check_times(cloud.clock.now(), claims)


def _opened(assertion: str) -> tuple[Mapping[str, Json], Mapping[str, Json]]:
    try:
        header: Mapping[str, Json] = jwt.get_unverified_header(assertion)
        claims: Mapping[str, Json] = jwt.decode(assertion, options={**_UNCHECKED, "verify_signature": False})
    except jwt.InvalidTokenError as error:
        raise refused(50027) from error
    return header, claims


def _check_signed(app: AppRegistration, assertion: str, header: Mapping[str, Json], *, now: datetime) -> None:
    """By one of the app's certificates, one that has begun and not ended."""
    named = [header[name] for name in ("x5t#S256", "x5t", "kid") if header.get(name)]
    if not named:
        raise refused(5002723)
    certificate = next((one for one in app.certificates if all(map(one.is_named, named))), None)
    if certificate is None:
        raise _bad_certificate(app, "The key was not found.", key=str(named[0]))
    try:
        jwt.decode(assertion, certificate.public_key, algorithms=_ALGORITHMS, options=_UNCHECKED)
    except jwt.InvalidTokenError as error:
        reason = "Key was found, but use of the key to verify the signature failed."
        raise _bad_certificate(app, reason, key=certificate.thumbprint) from error
    if not certificate.is_valid_from <= now < certificate.is_valid_until:
        raise _bad_certificate(app, "The key used is expired.", key=certificate.thumbprint)


def _check_addressed(app: AppRegistration, claims: Mapping[str, Json], endpoints: frozenset[str]) -> None:
    audience = claims.get("aud")
    if not isinstance(audience, str) or audience not in endpoints:
        raise refused(700023, expected=min(endpoints))
    if {str(claims.get("iss")).lower(), str(claims.get("sub")).lower()} != {app.client_id}:
        raise refused(700021, client_id=app.client_id)


def _check_trusted(app: AppRegistration, claims: Mapping[str, Json]) -> None:
    """One federated credential must fit whole; the nearest miss names what does not."""
    issuer, subject, audience = str(claims.get("iss")), str(claims.get("sub")), claims.get("aud")
    if isinstance(audience, list) and len(audience) == 1:
        audience = audience[0]
    of_issuer = [one for one in app.federated_credentials if one.issuer == issuer]
    if not of_issuer:
        raise refused(700211, issuer=issuer)
    of_subject = [one for one in of_issuer if one.subject == subject]
    if not of_subject:
        raise refused(700213, subject=subject)
    if not any(one.audience == audience for one in of_subject):
        raise refused(700212, audience=str(audience))


def _check_issued(cloud: Cloud, claims: Mapping[str, Json], assertion: str, header: Mapping[str, Json]) -> None:
    """By the keys of its issuer: the emulator's workload issuer, or Entra itself for a managed identity."""
    issuer = str(claims.get("iss"))
    is_entra = _is_entra(cloud, issuer)
    if not is_entra and not cloud.workload.owns(issuer):
        raise refused(50166, issuer=issuer)
    try:
        (cloud.signing_keys if is_entra else cloud.workload).verified(assertion)
    except jwt.InvalidTokenError as error:
        raise refused(50013, reason="The key was not found or failed.", key=str(header.get("kid"))) from error
    if is_entra and claims.get("idtyp") != "app":
        raise refused(700229)


def _is_entra(cloud: Cloud, issuer: str) -> bool:
    """Whether it is the login side of this emulator, for one of its tenants."""
    tenant, _, version = urlsplit(issuer).path.strip("/").partition("/")
    return version == "v2.0" and cloud.tenant_named(tenant) is not None


def _check_times(now: datetime, claims: Mapping[str, Json]) -> None:
    """MSAL sends fractions of seconds, so times are numbers of any kind."""
    until, since = claims.get("exp"), claims.get("nbf", 0)
    begins, ends = _moment(since), _moment(until)
    if begins is None or ends is None or not begins - _SKEW.total_seconds() <= now.timestamp() < ends:
        raise refused(700024, now=f"{now:%Y-%m-%dT%H:%M:%SZ}", since=_printed(since), until=_printed(until))


def _moment(value: Json) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _printed(value: Json) -> str:
    try:
        return f"{datetime.fromtimestamp(float(str(value)), UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):
        return "(none)"


def _bad_certificate(app: AppRegistration, reason: str, *, key: str = "(none)") -> LoginError:
    return refused(700027, reason=reason, key=key, client_id=app.client_id)
