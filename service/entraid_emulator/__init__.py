"""An honest emulator of Microsoft Entra ID and Microsoft Graph v1.0, served over HTTPS.

It is reached over the wire only, by base URLs and a CA file; what it does not serve it refuses, it fakes nothing.

What tests reach for: `Emulator` (addresses, `app`, `apps`, `tenants`, `faults`, `login`, `clock`, `requests`,
`roll_signing_key`, `workload_token`, `managed_identity`); `AppRegistration` (`grant`, `allow`, `revoke`, `remove_from`,
`secrets`, `certificates`, `federated_credentials`, `is_disabled`) and `multi_tenant_app`; `Refusal` and `Forgery` for
`Emulator.login`; `Tenant.administrators`. The pages that browsers see are described in `login.pages`.
"""

from entraid_emulator.apps import (
    DEFAULT_CLIENT_ID,
    DEFAULT_ROLES,
    MULTI_TENANT_CLIENT_ID,
    AppRegistration,
    default_app,
    multi_tenant_app,
    new_secret,
)
from entraid_emulator.background import in_background
from entraid_emulator.certificates import AppCertificate, KeyPair
from entraid_emulator.clock import Clock
from entraid_emulator.cloud import Behaviour, ThrottleLimits
from entraid_emulator.credentials import EXCHANGE_AUDIENCE, ClientSecret, FederatedCredential, Secret
from entraid_emulator.directory import Directory, UnknownObjectError
from entraid_emulator.emulator import Emulator
from entraid_emulator.faults import Fault, FaultScript
from entraid_emulator.journal import Journal, Served
from entraid_emulator.login.managed_identity import ManagedIdentity
from entraid_emulator.login.script import Forgery, LoginScript, Refusal
from entraid_emulator.objects import ClientId, GraphObject, Json, ObjectId, TenantId
from entraid_emulator.rewrites import Rewrite
from entraid_emulator.tenant import Tenant
from entraid_emulator.tenants.contoso import CONTOSO_TENANT_ID, contoso
from entraid_emulator.tenants.generated import generated
from entraid_emulator.tenants.recorded import DirectoryFileError, recorded
from entraid_emulator.troubles import STORM, TROUBLES, storm, trouble
from entraid_emulator.truth import Truth

__all__ = [
    "CONTOSO_TENANT_ID",
    "DEFAULT_CLIENT_ID",
    "DEFAULT_ROLES",
    "EXCHANGE_AUDIENCE",
    "MULTI_TENANT_CLIENT_ID",
    "STORM",
    "TROUBLES",
    "AppCertificate",
    "AppRegistration",
    "Behaviour",
    "ClientId",
    "ClientSecret",
    "Clock",
    "Directory",
    "DirectoryFileError",
    "Emulator",
    "Fault",
    "FaultScript",
    "FederatedCredential",
    "Forgery",
    "GraphObject",
    "Journal",
    "Json",
    "KeyPair",
    "LoginScript",
    "ManagedIdentity",
    "ObjectId",
    "Refusal",
    "Rewrite",
    "Secret",
    "Served",
    "Tenant",
    "TenantId",
    "ThrottleLimits",
    "Truth",
    "UnknownObjectError",
    "contoso",
    "default_app",
    "generated",
    "in_background",
    "multi_tenant_app",
    "new_secret",
    "recorded",
    "storm",
    "trouble",
]
