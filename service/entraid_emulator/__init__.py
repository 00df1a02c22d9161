"""An honest emulator of Microsoft Entra ID and Microsoft Graph v1.0, served over HTTPS.

It is reached over the wire only, by base URLs and a CA file; what it does not serve it refuses, it fakes nothing.
"""

from entraid_emulator.apps import DEFAULT_CLIENT_ID, DEFAULT_ROLES, AppRegistration, ClientSecret, Secret, default_app
from entraid_emulator.background import in_background
from entraid_emulator.clock import Clock
from entraid_emulator.cloud import Behaviour
from entraid_emulator.directory import Directory, UnknownObjectError
from entraid_emulator.emulator import Emulator
from entraid_emulator.faults import Fault, FaultScript
from entraid_emulator.journal import Journal, Served
from entraid_emulator.objects import ClientId, GraphObject, Json, ObjectId, TenantId
from entraid_emulator.tenant import Tenant
from entraid_emulator.tenants.contoso import CONTOSO_TENANT_ID, contoso
from entraid_emulator.tenants.generated import generated
from entraid_emulator.tenants.recorded import DirectoryFileError, recorded

__all__ = [
    "CONTOSO_TENANT_ID",
    "DEFAULT_CLIENT_ID",
    "DEFAULT_ROLES",
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
    "GraphObject",
    "Journal",
    "Json",
    "ObjectId",
    "Secret",
    "Served",
    "Tenant",
    "TenantId",
    "UnknownObjectError",
    "contoso",
    "default_app",
    "generated",
    "in_background",
    "recorded",
]
