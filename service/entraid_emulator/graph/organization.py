"""`/organization`: the tenant itself, its names and verified domains."""

from collections.abc import Mapping

from entraid_emulator.graph.call import Answer, Call
from entraid_emulator.graph.options import unknown_property
from entraid_emulator.objects import Json
from entraid_emulator.tenant import Tenant

_NULLS = (
    "deletedDateTime businessPhones city mobileDeviceManagementAuthority onPremisesLastSyncDateTime"
    " onPremisesSyncEnabled postalCode preferredLanguage state street"
)


def list_organizations(call: Call) -> Answer:
    """`GET /organization`: always one entry, the caller's tenant."""
    whole = _organization(call.caller.tenant)
    select = call.options.select
    for name in select or ():
        if name not in whole:
            raise unknown_property(name, "organization")
    shown = whole if select is None else {name: whole[name] for name in select}
    context = f"organization({','.join(select)})" if select else "organization"
    return Answer({"@odata.context": call.context(context), "value": [shown]})


def _organization(tenant: Tenant) -> Mapping[str, Json]:
    nulls: dict[str, Json] = dict.fromkeys(_NULLS.split())
    return {
        "id": tenant.tenant_id,
        **nulls,
        "businessPhones": [],
        "countryLetterCode": tenant.country,
        "createdDateTime": tenant.created,
        "displayName": tenant.display_name,
        "marketingNotificationEmails": [],
        "securityComplianceNotificationMails": [],
        "securityComplianceNotificationPhones": [],
        "technicalNotificationMails": [],
        "tenantType": "AAD",
        "assignedPlans": [],
        "provisionedPlans": [],
        "verifiedDomains": [
            {
                "capabilities": "Email, OfficeCommunicationsOnline",
                "isDefault": place == 0,
                "isInitial": place == len(tenant.domains) - 1,
                "name": name,
                "type": "Managed",
            }
            for place, name in enumerate(tenant.domains)
        ],
    }
