"""How an object is printed: selected properties or the default set, nulls, what the caller may not see. Pure."""

from dataclasses import replace

from entraid_emulator.directory import Directory, Entry
from entraid_emulator.graph.errors import bad_request, denied, not_emulated, outside_store
from entraid_emulator.graph.options import Expand, QueryOptions, check_select, unknown_property
from entraid_emulator.graph.permissions import BASIC_USER_PROPERTIES, Roles, allows, may_read, sees_basic_users_only
from entraid_emulator.graph.schema import GROUP, TYPES, USER, EntityType
from entraid_emulator.objects import GROUP_TYPE, ODATA_TYPE, USER_TYPE, GraphObject, Json, object_id


def check_properties(options: QueryOptions, entity: EntityType, roles: Roles, *, over_collection: bool) -> None:
    """Refuse a `$select` that Graph would refuse.

    Raises:
        GraphError: 400 for an unknown property, 501 for one outside the directory, 403 for a guarded one.
    """
    names = options.select or ()
    check_select(names, entity)
    for name in names:
        if over_collection and name in entity.outside:
            raise outside_store()
        if name in entity.guarded and not allows(roles, entity.guarded[name]):
            raise denied()
        if entity.odata_type == USER_TYPE and sees_basic_users_only(roles) and name not in BASIC_USER_PROPERTIES:
            raise denied()


def check_expand(expand: Expand | None, entity: EntityType) -> None:
    """Refuse an `$expand` that is not the manager of a user."""
    if expand is None:
        return
    if expand.name not in entity.navigation:
        raise unknown_property(expand.name, entity.name)
    if entity.odata_type != USER_TYPE or expand.name != "manager":
        raise not_emulated(f"`$expand={expand.name}` on a {entity.name}")
    check_select(expand.select or (), USER)


def check_not_advanced(options: QueryOptions) -> None:
    """Refuse `$expand` together with advanced query parameters."""
    if options.expand is not None and options.is_advanced:
        raise bad_request("$expand is not supported with advanced query parameters.")


def entity_for(directory: Directory, odata_type: str) -> EntityType | None:
    """A type, with the properties that this directory's own objects have beyond the schema; None if it is unknown."""
    entity = TYPES.get(odata_type)
    extras = directory.extra_properties.get(odata_type)
    if entity is None or not extras:
        return entity
    return replace(entity, defaults=entity.defaults + tuple(sorted(extras)), only_if_set=extras)


def user_type(directory: Directory) -> EntityType:
    """The user type of a directory."""
    return entity_for(directory, USER_TYPE) or USER


def group_type(directory: Directory) -> EntityType:
    """The group type of a directory."""
    return entity_for(directory, GROUP_TYPE) or GROUP


def printed(thing: GraphObject, entity: EntityType, options: QueryOptions, roles: Roles) -> dict[str, Json]:
    """The object as a list or a read prints it, without what `$expand` adds."""
    shown = _selected(thing, entity, options.select)
    if entity.odata_type == USER_TYPE and sees_basic_users_only(roles):
        return {name: value if name in BASIC_USER_PROPERTIES else _hidden(value) for name, value in shown.items()}
    return shown


def printed_member(entry: Entry, options: QueryOptions, roles: Roles, directory: Directory) -> dict[str, Json]:
    """A member: its type first, then its properties; of a type the caller may not read only the id is filled.

    A selected property that the member's type does not have is left out.
    """
    entity = entity_for(directory, entry.odata_type)
    thing = entry.thing
    if entity is None:
        return {ODATA_TYPE: entry.odata_type, **{name: value for name, value in thing.items() if name != ODATA_TYPE}}
    select = options.select and tuple(name for name in options.select if entity.knows(name))
    shown = _selected(thing, entity, select if options.select else None)
    if not may_read(roles, entry.odata_type):
        shown = {name: value if name == "id" else None for name, value in shown.items()}
        shown["id"] = thing["id"]
    return {ODATA_TYPE: entry.odata_type, **shown}


def check_member_select(options: QueryOptions, directory: Directory) -> None:
    """Refuse a selected property that no type of member has."""
    types = [found for odata_type in TYPES if (found := entity_for(directory, odata_type))]
    for name in options.select or ():
        if not any(entity.knows(name) or name in entity.navigation for entity in types):
            raise unknown_property(name, "directoryObject")


def with_manager(shown: dict[str, Json], thing: GraphObject, expand: Expand | None, directory: Directory) -> None:
    """Add the expanded manager, if the user has one."""
    if expand is None:
        return
    entry = manager_entry(thing, directory)
    if entry is not None:
        shown["manager"] = {ODATA_TYPE: entry.odata_type, **_selected(entry.thing, USER, expand.select)}


def manager_entry(thing: GraphObject, directory: Directory) -> Entry | None:
    """The manager of a user."""
    manager = directory.manager_of(object_id(thing))
    return directory.find(manager) if manager else None


def context_list(options: QueryOptions) -> str:
    """The part of `@odata.context` that names selected and expanded properties, empty without them."""
    names = list(options.select or ())
    if options.expand is not None:
        names.append(f"{options.expand.name}({','.join(options.expand.select or ())})")
    return f"({','.join(names)})" if names else ""


def _selected(thing: GraphObject, entity: EntityType, select: tuple[str, ...] | None) -> dict[str, Json]:
    names = entity.defaults if select is None else select
    return {
        name: entity.value(thing, name)
        for name in names
        if (name in thing or not entity.is_printed_only_if_set(name)) and name not in entity.navigation
    }


def _hidden(value: Json) -> Json:
    return [] if isinstance(value, list) else None
