"""Who may be chosen on a page, and who was: the people of one tenant, or of all. There is no password to check."""

from collections.abc import Iterator, Sequence
from itertools import islice

from entraid_emulator.apps import AppRegistration
from entraid_emulator.login.errors import refused
from entraid_emulator.login.pages import Person
from entraid_emulator.login.request import LoginRequest
from entraid_emulator.objects import GraphObject, ObjectId, object_id, text
from entraid_emulator.tenant import Tenant

_LISTED = 60  # people of each tenant; others are typed


def listed(tenants: Sequence[Tenant], *, hint: str) -> list[Person]:
    """The people of these tenants, administrators first; `hint` (a user principal name) is chosen at first."""
    return [_person(tenant, user, hint=hint) for tenant in tenants for user in _first(tenant, hint)]


def chosen(tenants: Sequence[Tenant], app: AppRegistration, request: LoginRequest) -> tuple[Tenant, GraphObject]:
    """Who signs in.

    Raises:
        LoginError: nobody was named, he is not in these tenants, or his account is disabled.
    """
    named = request.form.get("other", "").strip() or request.form.get("user", "")
    if not named:
        raise refused(90014, field="user")
    found = _found(tenants, named)
    if found is None and len(tenants) == 1:
        raise refused(50020, user=named, tenant=tenants[0].display_name, client_id=app.client_id, name=app.display_name)
    if found is None:
        raise refused(50034, user=named, tenant="common")
    if found[1].get("accountEnabled") is False:
        raise refused(50057)
    return found


def _found(tenants: Sequence[Tenant], named: str) -> tuple[Tenant, GraphObject] | None:
    """By `tenant id/object id`, as the list has it, or by user principal name."""
    tenant_id, _, user_id = named.partition("/")
    for tenant in tenants:
        is_listed = user_id and tenant_id == tenant.tenant_id
        user = tenant.directory.users.get(ObjectId(user_id)) if is_listed else tenant.directory.users.named(named)
        if user is not None:
            return tenant, user
    return None


def _first(tenant: Tenant, hint: str) -> Iterator[GraphObject]:
    users = tenant.directory.users
    ahead = {
        object_id(user): user
        for user in [users.named(hint) if hint else None, *(users.get(one) for one in sorted(tenant.administrators))]
        if user is not None
    }
    yield from ahead.values()
    yield from (user for _, user in islice(users.scan(), _LISTED) if object_id(user) not in ahead)


def _person(tenant: Tenant, user: GraphObject, *, hint: str) -> Person:
    name = text(user, "userPrincipalName")
    notes = [
        note
        for note, holds in (
            ("administrator", object_id(user) in tenant.administrators),
            ("disabled", user.get("accountEnabled") is False),
        )
        if holds
    ]
    return Person(
        value=f"{tenant.tenant_id}/{object_id(user)}",
        label=f"{text(user, 'displayName')} <{name}>" + (f" ({', '.join(notes)})" if notes else ""),
        is_chosen=bool(hint) and name.casefold() == hint.casefold(),
    )
