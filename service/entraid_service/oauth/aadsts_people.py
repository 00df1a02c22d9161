"""What Entra's error codes mean where people sign in and consent, and where a workload proves itself.

The other codes, and where they all come from: `aadsts`, which joins the tables.
"""

from entraid_service.oauth.diagnosis import CONSENT, CREDENTIALS, FEDERATION, REDIRECT_URI, SECRETS, Diagnosis, Ground

_AGAIN = "start the consent anew"
_COMPARE = f"compare them under {SECRETS} > Federated credentials; a new one takes some minutes to work"

PEOPLE = {
    16000: Diagnosis(
        Ground.CREDENTIALS, "the sign-in", "several accounts are signed in", "choose one and sign in again"
    ),
    50011: Diagnosis(
        Ground.OUR_BUG,
        "the redirect URI",
        "the app is not registered with the address that browsers are sent back to",
        "add it under App registrations > (the app) > Authentication, as it is built from `ENTRAID_PUBLIC_URL`",
        REDIRECT_URI,
    ),
    50020: Diagnosis(
        Ground.CREDENTIALS,
        "the account",
        "it does not belong to this tenant",
        "sign in with an administrator's account of the tenant that is to be connected",
    ),
    50053: Diagnosis(
        Ground.CREDENTIALS,
        "the account",
        "it is locked after too many attempts",
        "wait, or use another administrator's",
    ),
    50055: Diagnosis(Ground.CREDENTIALS, "the account", "its password has expired", "change it, and sign in again"),
    50057: Diagnosis(
        Ground.CREDENTIALS, "the account", "it is disabled", "sign in with another administrator's account"
    ),
    50058: Diagnosis(Ground.CREDENTIALS, "the sign-in", "nobody is signed in any more", "sign in again"),
    50105: Diagnosis(
        Ground.CREDENTIALS,
        "the account",
        "only people who are assigned to the app may sign in to it",
        "assign the administrator under Enterprise applications > (the app) > Users and groups, or use another account",
    ),
    500112: Diagnosis(
        Ground.OUR_BUG,
        "the redirect URI",
        "it is another one than at the beginning of the sign-in",
        f"{_AGAIN}; check that `ENTRAID_PUBLIC_URL` is the same for all processes",
        REDIRECT_URI,
    ),
    650053: Diagnosis(
        Ground.OUR_BUG,
        "the permissions",
        "the app asks for one that Microsoft Graph does not have",
        "correct them under App registrations > (the app) > API permissions",
        CONSENT,
    ),
    700005: Diagnosis(Ground.CREDENTIALS, "the authorization code", "it is for another tenant", _AGAIN),
    70008: Diagnosis(Ground.CREDENTIALS, "the authorization code", "it has expired", _AGAIN),
    7000229: Diagnosis(
        Ground.CONSENT,
        "the app",
        "it is not in this tenant, since nobody consented to it or an administrator removed it",
        "let an administrator consent; right after a consent it may take some minutes",
        CONSENT,
    ),
}
"""Signing in, consenting."""

WORKLOADS = {
    50013: Diagnosis(
        Ground.CREDENTIALS,
        "the token or certificate that proves the app",
        "its signature does not match",
        f"check which one is registered under {SECRETS}",
        CREDENTIALS,
    ),
    50166: Diagnosis(
        Ground.CREDENTIALS,
        "the federated token",
        "Entra cannot read the keys of the one who issued it",
        "check that the issuer's address can be reached from the internet",
        FEDERATION,
    ),
    700023: Diagnosis(
        Ground.CREDENTIALS,
        "the token or certificate that proves the app",
        "it is meant for another audience",
        "check the cloud, and the audience of a federated token (`api://AzureADTokenExchange`)",
        FEDERATION,
    ),
    700024: Diagnosis(
        Ground.CREDENTIALS,
        "the token that proves the app",
        "it has expired, or is not valid yet",
        "check the clock of this host, and that the platform renews the federated token file",
        FEDERATION,
    ),
    700211: Diagnosis(
        Ground.CREDENTIALS,
        "the federated token",
        "no federated identity credential of the app has its issuer",
        _COMPARE,
        FEDERATION,
    ),
    700212: Diagnosis(
        Ground.CREDENTIALS,
        "the federated token",
        "no federated identity credential of the app has its audience",
        _COMPARE,
        FEDERATION,
    ),
    700213: Diagnosis(
        Ground.CREDENTIALS,
        "the federated token",
        "no federated identity credential of the app has its subject",
        _COMPARE,
        FEDERATION,
    ),
}
"""Proving an app by a signed token."""
