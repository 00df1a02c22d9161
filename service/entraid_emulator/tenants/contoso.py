"""Contoso: a small tenant made by hand that holds every shape a sync meets. Built from its tables."""

from entraid_emulator.directory import Directory
from entraid_emulator.objects import TenantId
from entraid_emulator.tenant import Tenant
from entraid_emulator.tenants.contoso_groups import group_rows, other_objects
from entraid_emulator.tenants.contoso_people import ADMINISTRATORS, DOMAIN, INITIAL_DOMAIN, people, person_id

CONTOSO_TENANT_ID = TenantId("c0470500-7e4a-4c1d-9b52-3f6a8d0e1b27")


def contoso() -> Tenant:
    """A new Contoso: 40 people, 22 groups, two devices, a service principal and a contact."""
    directory = Directory()
    everybody = people()
    for person in everybody:
        directory.add_user(person.user)
    for person in everybody:
        if person.manager is not None:
            directory.set_manager(person_id(person.number), person_id(person.manager))
    for thing in other_objects():
        directory.add_other(thing)
    rows = group_rows()
    ids = [directory.add_group(row.group) for row in rows]
    for group, row in zip(ids, rows, strict=True):
        directory.set_members(group, row.members)
    return Tenant(
        tenant_id=CONTOSO_TENANT_ID,
        display_name="Contoso",
        domains=(DOMAIN, INITIAL_DOMAIN),
        directory=directory,
        country="CH",
        administrators={person_id(number) for number in ADMINISTRATORS},
    )
