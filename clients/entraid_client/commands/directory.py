"""`entraidctl users` and `entraidctl groups`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import click
from google.protobuf.message import Message

from entraid.v1.directory_service_pb2 import VIEW_BASIC, VIEW_FULL, ListGroupsResponse, ListUsersResponse
from entraid.v1.snapshot_pb2 import Snapshot
from entraid_client.commands.exit_codes import ExitCode
from entraid_client.commands.names import CONNECTION, named
from entraid_client.commands.session import Session, with_session
from entraid_client.names import group_name, user_name
from entraid_client.show.directory import group_details, groups_table, user_details, users_table
from entraid_client.show.screen import as_json, plain
from entraid_client.show.words import moment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from rich.table import Table

    from entraid_client.client import EntraidClient
    from entraid_client.show.screen import Screen

_LARGEST_PAGE: Final = 1000
_limit_option: Final = click.option(
    "--limit", type=click.IntRange(min=0), default=100, show_default=True, help="Show at most this many; 0 shows all."
)
Item = TypeVar("Item", bound=Message)
ItemPage = TypeVar("ItemPage", ListUsersResponse, ListGroupsResponse)


@dataclass(frozen=True, slots=True)
class Listing(Generic[Item]):
    """The begin of a list."""

    items: list[Item]
    snapshot: Snapshot
    """What the first page was read from."""

    has_more: bool


@click.command
@click.argument("connection", type=CONNECTION)
@click.argument("user", required=False)
@click.option("--filter", "filter_text", default="", help="AIP-160 filter over the fields of a user.")
@click.option("--full", is_flag=True, help="With all attributes, in --output json.")
@_limit_option
@with_session
def users(session: Session, *, connection: str, user: str | None, filter_text: str, full: bool, limit: int) -> None:
    """List the users of CONNECTION, or show USER (object ID or UPN) in full."""
    name = None if user is None else named(user_name, user, connection)

    async def work(client: EntraidClient) -> ExitCode:
        if name is not None:
            return _show_one(session.screen, (await client.get_user(name)).user, "user", user_details)
        view = VIEW_FULL if full else VIEW_BASIC
        size = min(limit, _LARGEST_PAGE)
        pages = client.list_user_pages(connection, filter_text=filter_text, view=view, page_size=size)
        listing = await _collect(pages, lambda page: page.users, limit=limit)
        return _show_list(session.screen, listing, "users", users_table)

    session.run(work)


@click.command
@click.argument("connection", type=CONNECTION)
@click.argument("group", required=False)
@click.option("--filter", "filter_text", default="", help="AIP-160 filter over the fields of a group.")
@_limit_option
@with_session
def groups(session: Session, *, connection: str, group: str | None, filter_text: str, limit: int) -> None:
    """List the groups of CONNECTION, or show GROUP (object ID) in full."""
    name = None if group is None else named(group_name, group, connection)

    async def work(client: EntraidClient) -> ExitCode:
        if name is not None:
            return _show_one(session.screen, (await client.get_group(name)).group, "group", group_details)
        size = min(limit, _LARGEST_PAGE)
        pages = client.list_group_pages(connection, filter_text=filter_text, page_size=size)
        listing = await _collect(pages, lambda page: page.groups, limit=limit)
        return _show_list(session.screen, listing, "groups", groups_table)

    session.run(work)


async def _collect(
    pages: AsyncIterator[ItemPage], items_of: Callable[[ItemPage], Iterable[Item]], *, limit: int
) -> Listing[Item]:
    """Reads pages until there are `limit` items; until the end where that is 0."""
    items: list[Item] = []
    snapshot: Snapshot | None = None
    async for page in pages:
        snapshot = snapshot or page.snapshot
        items.extend(items_of(page))
        if limit and len(items) >= limit:
            has_more = len(items) > limit or bool(page.next_page_token)
            return Listing(items[:limit], snapshot, has_more=has_more)
    return Listing(items, snapshot or Snapshot(), has_more=False)


def _show_list(screen: Screen, listing: Listing[Item], kind: str, table: Callable[[Iterable[Item]], Table]) -> ExitCode:
    if screen.is_json:
        items = [as_json(item) for item in listing.items]
        screen.document({kind: items, "hasMore": listing.has_more, "snapshot": as_json(listing.snapshot)})
        return ExitCode.OK
    screen.out.print(table(listing.items))
    more = "; there are more: raise --limit" if listing.has_more else ""
    line = f"{len(listing.items):,} {kind}, data of {moment(listing.snapshot.sync_time)}{more}"
    screen.err.print(plain(line), soft_wrap=True)
    return ExitCode.OK


def _show_one(screen: Screen, item: Item, kind: str, table: Callable[[Item], Table]) -> ExitCode:
    if screen.is_json:
        screen.document({kind: as_json(item)})
    else:
        screen.out.print(table(item))
    return ExitCode.OK
