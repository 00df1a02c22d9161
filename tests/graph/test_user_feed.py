from collections.abc import Mapping

import pytest
from aiohttp import web

from entraid_service.errors import FeedUnsupported, GraphUnavailable, ListExpired
from entraid_service.graph.decode import decode_user
from entraid_service.graph.decode_changes import decode_user_change
from entraid_service.model.changes import KEPT, Removal, UserChange, UserFeedItem
from entraid_service.model.ids import UserId
from entraid_service.ports import FeedPage, TenantSource
from entraid_service.sync.fold import patched
from graph.cloud import ScriptedCloud, delta, graph_error, page


async def read(source: TenantSource, *attributes: str, link: str = "") -> list[FeedPage[UserFeedItem]]:
    """All pages of a round."""
    return [part async for part in source.user_changes(attributes or ("displayName",), link=link)]


async def told(cloud: ScriptedCloud, *records: object) -> list[UserFeedItem]:
    """What a later round of these records tells."""
    cloud.on("deltatoken=old", delta(*records, link=f"{cloud.url}/v1.0/users/delta?$deltatoken=new"))
    pages = await read(cloud.directory(), link=f"{cloud.url}/v1.0/users/delta?$deltatoken=old")
    return [item for part in pages for item in part.items]


def change(**record: object) -> UserChange:
    """The change that a record tells; names are given with `__` for what Python does not allow."""
    named = {name.replace("__", "@"): value for name, value in record.items()}
    decoded = decode_user_change({"id": "U-1", **named})
    assert isinstance(decoded, UserChange)
    return decoded


async def test_the_feed_begins_from_now(cloud: ScriptedCloud) -> None:
    """Without a link one request takes the link of this moment, for whole properties and the manager."""
    link = f"{cloud.url}/v1.0/users/delta?$deltatoken=first"
    cloud.on("/users/delta", delta(link=link))
    pages = await read(cloud.directory(), "displayName", "employeeOrgData.division", "employeeOrgData.x", "manager")
    assert [(list(part.items), part.next_round) for part in pages] == [([], link)]
    expected = "/v1.0/users/delta?$deltatoken=latest&$select=id,displayName,employeeOrgData,manager"
    assert cloud.graph_requests() == [expected]


async def test_a_round_is_followed_to_its_delta_link(cloud: ScriptedCloud) -> None:
    """Pages may be empty or short; only the last one has the link for the next round."""
    link = f"{cloud.url}/v1.0/users/delta?"
    cloud.on("deltatoken=old", page({"id": "u-1", "city": "Bonn"}, link=link + "$skiptoken=a"))
    cloud.on("skiptoken=a", page(link=link + "$skiptoken=b"))
    cloud.on("skiptoken=b", delta({"id": "u-2"}, link=link + "$deltatoken=n%2Bw'%20x"))
    pages = await read(cloud.directory(), link=link + "$deltatoken=old")
    assert [[item.id for item in part.items] for part in pages] == [["u-1"], [], ["u-2"]]
    assert [part.next_round for part in pages] == ["", "", link + "$deltatoken=n%2Bw'%20x"]
    assert cloud.graph_requests()[0] == "/v1.0/users/delta?$deltatoken=old"


@pytest.mark.parametrize("reason", [{"reason": "changed"}, {"reason": "deleted"}, {}, "yes"])
async def test_row_13_both_kinds_of_removal_remove(cloud: ScriptedCloud, reason: object) -> None:
    """Soft-deleted or gone for good, whatever else the entry holds: he is no user any more."""
    assert await told(cloud, {"id": "U-1", "displayName": "X", "@removed": reason}) == [Removal("u-1")]


async def test_row_14_replays_come_in_the_order_of_graph(cloud: ScriptedCloud) -> None:
    """Nothing is folded, sorted or dropped here: the last word stays the last."""
    records = ({"id": "u-1", "city": "A"}, {"id": "u-1", "@removed": {"reason": "changed"}}, {"id": "u-1", "city": "B"})
    items = await told(cloud, *records)
    assert items == [
        UserChange(UserId("u-1"), {"city": "A"}),
        Removal("u-1"),
        UserChange(UserId("u-1"), {"city": "B"}),
    ]


def test_row_15_null_clears_and_absent_keeps() -> None:
    """Empty texts and lists clear as well; annotations are nothing."""
    found = change(
        displayName="Zoë",
        accountEnabled=False,
        department=None,
        city="",
        otherMails=[],
        businessPhones=["+1"],
        proxyAddresses__odata_type="#x",
        members__odata=3,
    )
    assert found.id == "u-1"
    assert found.attributes == {"displayName": "Zoë", "accountEnabled": False, "businessPhones": ["+1"]}
    assert found.cleared == {"department", "city", "otherMails"}
    assert found.manager_id is KEPT


def test_a_complex_attribute_is_told_as_a_whole() -> None:
    """A part that is null or left out of the new value is gone."""
    found = change(
        onPremisesExtensionAttributes={"extensionAttribute1": "50", "extensionAttribute2": None},
        employeeOrgData=None,
        identities=[{"issuer": "x"}, {"issuer": "y"}],
    )
    assert found.cleared == {"onPremisesExtensionAttributes", "employeeOrgData", "identities"}
    assert found.attributes == {
        "onPremisesExtensionAttributes.extensionAttribute1": "50",
        "identities.issuer": ["x", "y"],
    }


RECORDS: tuple[Mapping[str, object], ...] = (
    {
        "id": "u-1",
        "city": "Bonn",
        "employeeOrgData": {"division": "D", "costCenter": "C"},
        "otherMails": ["a@x.example"],
    },
    {"id": "u-1", "city": None, "employeeOrgData": {"costCenter": "C"}, "otherMails": []},
    {"id": "u-1", "city": "", "employeeOrgData": None, "otherMails": ["b@x.example"], "accountEnabled": True},
    {"id": "u-1", "city": "Ulm", "employeeOrgData": {}, "otherMails": None, "accountEnabled": None},
)


@pytest.mark.parametrize("before", RECORDS)
@pytest.mark.parametrize("after", RECORDS)
def test_a_change_over_a_user_is_the_user_of_a_full_read(
    before: Mapping[str, object], after: Mapping[str, object]
) -> None:
    """Whatever a whole record says, patching it in or reading it new comes to the same."""
    patch = decode_user_change({"accountEnabled": None, **after})
    assert isinstance(patch, UserChange)
    assert patched(decode_user(before), patch) == decode_user(after)


GONE = {"reason": "deleted"}


@pytest.mark.parametrize(
    ("entries", "manager"),
    [
        ([{"@odata.type": "#microsoft.graph.user", "id": "M-2"}], "m-2"),
        ([{"id": "M-1", "@removed": GONE}], None),
        ([{"id": "M-1", "@removed": GONE}, {"id": "M-2"}], "m-2"),
        ([{"id": "M-2"}, {"id": "M-1", "@removed": GONE}], "m-2"),
        ([{"@removed": {"reason": "changed"}}], None),
        ([{"id": "M-1"}, {"id": "M-2"}], "m-2"),
        ([], KEPT),
        (None, KEPT),
    ],
)
def test_the_manager_is_whoever_came(entries: object, manager: object) -> None:
    """Set, cleared and replaced, in either order."""
    assert change(manager__delta=entries).manager_id == manager


ODD = [
    {"id": "U-1", "manager@delta": "m-1"},
    {"id": "U-1", "manager@delta": [{"displayName": "Boss"}]},
    {"id": "U-1", "manager@delta": [None]},
]


@pytest.mark.parametrize("record", ODD)
async def test_a_change_that_cannot_be_read_is_not_passed_over(cloud: ScriptedCloud, record: object) -> None:
    """The user would stay as he was before it: everything is read again instead."""
    with pytest.raises(ListExpired, match=r"of `u-1`, .*manager@delta|of `u-1`, "):
        await told(cloud, {"id": "u-2"}, record)


@pytest.mark.parametrize("record", [None, {}, [], {"id": 7}, {"displayName": "X"}])
async def test_row_5_an_odd_record_of_nobody_is_skipped_and_counted(cloud: ScriptedCloud, record: object) -> None:
    """It concerns nobody whom we know; the others count."""
    cloud.on("deltatoken=old", delta(record, {"id": "u-2"}, link=f"{cloud.url}/v1.0/users/delta?$deltatoken=new"))
    (part,) = await read(cloud.directory(), link=f"{cloud.url}/v1.0/users/delta?$deltatoken=old")
    assert [item.id for item in part.items] == ["u-2"]
    assert len(part.skipped) == 1


async def test_a_round_without_a_delta_link_is_not_complete(cloud: ScriptedCloud) -> None:
    """A page that ends with neither link ends in an error, not in a round without a link."""
    cloud.on("deltatoken=old", page({"id": "u-1"}))
    with pytest.raises(GraphUnavailable, match="neither a next link nor a delta link"):
        await read(cloud.directory(), link=f"{cloud.url}/v1.0/users/delta?$deltatoken=old")


@pytest.mark.parametrize("attribute", ["signInActivity.lastSignInDateTime", "skills", "ext2irvdlan_clubMember"])
async def test_attributes_of_which_the_feed_is_silent_have_no_feed(cloud: ScriptedCloud, attribute: str) -> None:
    """They would grow old between two full reads while the data passes for fresh."""
    with pytest.raises(FeedUnsupported, match=attribute.partition(".")[0]):
        await read(cloud.directory(), "displayName", attribute)
    assert cloud.graph_requests() == []


async def test_directory_extensions_have_a_feed(cloud: ScriptedCloud) -> None:
    """Their changes are told."""
    cloud.on("/users/delta", delta(link=f"{cloud.url}/v1.0/users/delta?$deltatoken=first"))
    assert await read(cloud.directory(), "extension_00000000000000000000000000000000_costCenter")


@pytest.mark.parametrize(
    "answer",
    [
        graph_error(400, "Request_BadRequest"),
        graph_error(400, "invalidRequest"),
        web.Response(status=400),
        graph_error(410, "resyncRequired"),
        graph_error(404, "NotFound"),
        graph_error(501, "NotImplemented"),
    ],
)
async def test_a_graph_without_latest_is_asked_for_a_whole_round(cloud: ScriptedCloud, answer: web.Response) -> None:
    """Where `latest` is taken for a link, the first round's own link is as good."""
    link = f"{cloud.url}/v1.0/users/delta?$deltatoken=first"
    cloud.on("deltatoken=latest", answer)
    cloud.on(r"/users/delta\?\$select", page({"id": "u-1"}, link=f"{cloud.url}/v1.0/users/delta?$skiptoken=a"))
    cloud.on("skiptoken=a", delta({"id": "u-2"}, link=link))
    pages = await read(cloud.directory())
    assert pages[-1].next_round == link
