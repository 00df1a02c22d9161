"""The form of a diagnosis, and the pages of Microsoft that diagnoses refer to."""

import enum
from dataclasses import dataclass

REFERENCE = "https://learn.microsoft.com/entra/identity-platform/reference-error-codes"
CREDENTIALS = "https://learn.microsoft.com/entra/identity-platform/how-to-add-credentials"
CONSENT = "https://learn.microsoft.com/entra/identity-platform/v2-admin-consent"
TENANT_ID = "https://learn.microsoft.com/entra/fundamentals/how-to-find-tenant"
FEDERATION = "https://learn.microsoft.com/entra/workload-id/workload-identity-federation-create-trust"
CONDITIONAL_ACCESS = "https://learn.microsoft.com/entra/identity/conditional-access/workload-identity"
THROTTLING = "https://learn.microsoft.com/entra/identity-platform/reference-error-codes#aadsts-error-codes"
REDIRECT_URI = "https://learn.microsoft.com/entra/identity-platform/reply-url"

SECRETS = "App registrations > (the app) > Certificates & secrets"


class Ground(enum.Enum):
    """Whose fault an error is."""

    CREDENTIALS = "credentials"
    TENANT = "tenant"
    CONSENT = "consent"
    TRANSIENT = "transient"
    OUR_BUG = "our bug"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One code: what Entra rejected, why, what to do about it, where to read on."""

    ground: Ground
    rejected: str
    cause: str
    remedy: str
    link: str = REFERENCE
