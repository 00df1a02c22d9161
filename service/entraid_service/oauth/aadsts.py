"""What Entra's error codes mean and what helps: data for `diagnose`.

Codes: https://learn.microsoft.com/entra/identity-platform/reference-error-codes. Microsoft says there that codes may
change and that no program should rely on them: they choose the words here; what a caller may do follows from them only
where a code is known to pass by itself.
"""

from entraid_service.oauth.aadsts_people import PEOPLE, WORKLOADS
from entraid_service.oauth.diagnosis import (
    CONDITIONAL_ACCESS,
    CONSENT,
    CREDENTIALS,
    FEDERATION,
    SECRETS,
    TENANT_ID,
    THROTTLING,
    Diagnosis,
    Ground,
)

DIAGNOSES = {
    **PEOPLE,
    **WORKLOADS,
    50034: Diagnosis(
        Ground.TENANT,
        "the account",
        "it does not exist in this tenant",
        "check the tenant ID; an app signs in as itself here, not as a person",
    ),
    50049: Diagnosis(
        Ground.TENANT,
        "the login host",
        "it is no login host that Entra knows",
        "check the cloud or the authority URL in the settings",
    ),
    50059: Diagnosis(
        Ground.TENANT,
        "the tenant",
        "neither the request nor the credential names one",
        "give the tenant's ID or one of its verified domains",
        TENANT_ID,
    ),
    50076: Diagnosis(
        Ground.CREDENTIALS,
        "the sign-in",
        "it needs multifactor authentication",
        "sign in again and complete it",
    ),
    50079: Diagnosis(
        Ground.CREDENTIALS,
        "the sign-in",
        "the person has to enroll in multifactor authentication first",
        "enroll, and sign in again",
    ),
    50194: Diagnosis(
        Ground.TENANT,
        "the tenant",
        "the app is registered for a single tenant and was asked for without naming it",
        "give that tenant's ID, or make the app multitenant under App registrations > Authentication",
        TENANT_ID,
    ),
    50196: Diagnosis(
        Ground.TRANSIENT,
        "the request",
        "Entra saw the same request too often in a short time",
        "wait some minutes; if it comes again, look for another program that uses the same app in a loop",
    ),
    500011: Diagnosis(
        Ground.CONSENT,
        "the resource",
        "Microsoft Graph of the configured address is not known in this tenant",
        "check that cloud and Graph URL in the settings belong to the cloud of the tenant, and grant admin consent",
        CONSENT,
    ),
    501481: Diagnosis(
        Ground.OUR_BUG,
        "the authorization code",
        "its code verifier does not match the code challenge",
        "start the consent anew; if it comes again, report it with the trace ID",
    ),
    53003: Diagnosis(
        Ground.CREDENTIALS,
        "the sign-in",
        "a Conditional Access policy blocks it",
        "let an administrator look at the sign-in log of the app's service principal, and exclude it or its addresses",
        CONDITIONAL_ACCESS,
    ),
    54005: Diagnosis(
        Ground.CREDENTIALS,
        "the authorization code",
        "it was used already",
        "start the consent anew",
    ),
    65001: Diagnosis(
        Ground.CONSENT,
        "the app",
        "nobody consented to it in this tenant",
        "let an administrator grant consent under Enterprise applications > (the app) > Permissions, and connect again",
        CONSENT,
    ),
    65004: Diagnosis(
        Ground.CONSENT,
        "the app",
        "consent was declined",
        "let an administrator start the consent again and accept it",
        CONSENT,
    ),
    70003: Diagnosis(
        Ground.OUR_BUG,
        "the request",
        "the login side does not serve this grant type",
        "check the authority URL in the settings; if it is right, report it with the trace ID",
    ),
    70011: Diagnosis(
        Ground.OUR_BUG,
        "the scope",
        "it is not the `.default` scope of one resource",
        "check the Graph URL in the settings; if it is right, report it with the trace ID",
    ),
    70016: Diagnosis(
        Ground.TRANSIENT,
        "the device code",
        "the sign-in is not finished yet",
        "finish it in the browser",
    ),
    70021: Diagnosis(
        Ground.CREDENTIALS,
        "the federated token",
        "no federated identity credential of the app matches its issuer, subject and audience",
        f"compare them under {SECRETS} > Federated credentials; a new one takes some minutes to work",
        FEDERATION,
    ),
    90002: Diagnosis(
        Ground.TENANT,
        "the tenant",
        "there is none of this ID or domain in this cloud, or it has no active subscription",
        "copy the tenant ID from Entra admin center > Overview, and check the configured cloud",
        TENANT_ID,
    ),
    90055: Diagnosis(
        Ground.TRANSIENT,
        "the request",
        "the tenant sends too many of them at the moment",
        "nothing has to be done: it is tried again later",
        THROTTLING,
    ),
    90094: Diagnosis(
        Ground.CONSENT,
        "the app",
        "its permissions need an administrator's consent",
        "let an administrator grant consent, and connect again",
        CONSENT,
    ),
    90095: Diagnosis(
        Ground.CONSENT,
        "the app",
        "an administrator has to approve the request for consent",
        "let an administrator approve it under Enterprise applications > Admin consent requests, and connect again",
        CONSENT,
    ),
    700016: Diagnosis(
        Ground.TENANT,
        "the app",
        "no app with this client ID is in the tenant",
        "check client ID and tenant ID; an app of another tenant needs an administrator's consent here first",
        CONSENT,
    ),
    700027: Diagnosis(
        Ground.CREDENTIALS,
        "the certificate",
        "it is not registered with the app, or its private key does not belong to it",
        f"upload the certificate under {SECRETS} > Certificates, and connect again",
        CREDENTIALS,
    ),
    700229: Diagnosis(
        Ground.CREDENTIALS,
        "the federated token",
        "a token of an app cannot serve as a federated credential",
        "use the token that the workload's own platform issues",
        FEDERATION,
    ),
    900023: Diagnosis(
        Ground.TENANT,
        "the tenant",
        "its name is neither a tenant ID nor a domain name",
        "copy the tenant ID from Entra admin center > Overview",
        TENANT_ID,
    ),
    900144: Diagnosis(
        Ground.OUR_BUG,
        "the request",
        "a parameter is missing in it",
        "report it with the trace ID",
    ),
    7000112: Diagnosis(
        Ground.CONSENT,
        "the app",
        "it is disabled",
        "let an administrator enable it under Enterprise applications > (the app) > Properties > Enabled for users to "
        "sign-in",
    ),
    7000215: Diagnosis(
        Ground.CREDENTIALS,
        "the client secret",
        "the value is wrong, or the secret's ID was pasted instead of its value",
        f"create a new secret under {SECRETS} and connect again",
        CREDENTIALS,
    ),
    7000218: Diagnosis(
        Ground.CREDENTIALS,
        "the request",
        "it holds neither a client secret nor a client assertion",
        "connect again with a client secret or a certificate",
        CREDENTIALS,
    ),
    7000222: Diagnosis(
        Ground.CREDENTIALS,
        "the client secret",
        "it has expired",
        f"create a new secret under {SECRETS} and connect again",
        CREDENTIALS,
    ),
}
"""By code, without the letters."""
