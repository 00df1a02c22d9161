from base64 import b64decode
from datetime import timedelta

import grpc
import pytest
from google.rpc import error_details_pb2

from entraid.v1 import connection_service_pb2 as pb
from entraid.v1.sync_service_pb2 import CancelSyncRunRequest, SyncRequest
from entraid_service.errors import (
    ConsentDeclined,
    ConsentLapsed,
    ConsentNotOffered,
    CredentialsRejected,
    GraphThrottled,
)
from entraid_service.model.connection import ClientSecret, ConnectionState, FederatedIdentity, PfxFile
from entraid_service.model.ids import ConnectionId
from entraid_service.store.sqlite import SqliteStore
from rpc.rooms import CLIENT, TENANT, Server
from rpc.told import detail_of, field_of, reason_of

CANARY = "canary-7Q~8f14e45fceea467f"


def request(**changes: object) -> pb.ConnectRequest:
    """A call that is right, but for the changes."""
    fields = {
        "connection_id": "main",
        "display_name": "Contoso",
        "tenant": "contoso.onmicrosoft.com",
        "app_credentials": pb.AppCredentials(client_id=CLIENT.upper(), client_secret=CANARY),
    } | changes
    return pb.ConnectRequest(**fields)  # type: ignore[arg-type] # wrong values are what this is for


async def test_a_tenant_is_connected_read_listed_and_disconnected(server: Server) -> None:
    """The way of a connection, from its first call to NOT_FOUND."""
    made = (await server.connections.Connect(request(groups_to_sync=["Sales, EMEA", '"a, b"']))).connection
    assert made.name == "connections/main"
    assert made.tenant_id == TENANT
    assert made.state == pb.Connection.STATE_ACTIVE
    assert list(made.groups_to_sync) == ["Sales", "EMEA", "a, b"]
    assert not made.HasField("snapshot")
    order = server.connector.orders[0]
    assert order.client_id == CLIENT
    assert isinstance(order.credential, ClientSecret)
    assert order.credential.secret.reveal() == CANARY
    assert (await server.connections.GetConnection(pb.GetConnectionRequest(name=made.name))).connection == made
    assert list((await server.connections.ListConnections(pb.ListConnectionsRequest())).connections) == [made]
    await server.connections.Disconnect(pb.DisconnectRequest(name=made.name, etag=made.etag))
    assert server.runner.abandoned == ["main"]
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await server.connections.GetConnection(pb.GetConnectionRequest(name=made.name))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert reason_of(caught.value) == "RESOURCE_NOT_FOUND"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"connection_id": "Main"}, "connection_id"),
        ({"display_name": "x" * 257}, "display_name"),
        ({"tenant": ""}, "tenant"),
        ({"tenant": "contoso"}, "tenant"),
        ({"tenant": "https://contoso.example"}, "tenant"),
        ({"tenant": "contoso.example/../common"}, "tenant"),
        ({"tenant": "common"}, "tenant"),
        ({"tenant": "contoso.example\n"}, "tenant"),
        ({"app_credentials": pb.AppCredentials(client_id="x", client_secret="s")}, "app_credentials.client_id"),
        ({"app_credentials": pb.AppCredentials(client_id=CLIENT)}, "app_credentials.client_secret"),
        ({"app_credentials": pb.AppCredentials(client_id=CLIENT, client_secret=" ")}, "app_credentials.client_secret"),
        (
            {"app_credentials": pb.AppCredentials(client_id=CLIENT, certificate_pem="")},
            "app_credentials.certificate_pem",
        ),
        ({"app_credentials": None}, "app_credentials"),
        ({"groups_to_sync": ["x"] * 1001}, "groups_to_sync"),
        ({"groups_to_sync": [",".join(map(str, range(1001)))]}, "groups_to_sync"),
        ({"groups_to_sync": ["x" * 513]}, "groups_to_sync"),
        ({"groups_to_sync": [" , "]}, "groups_to_sync"),
        ({"groups_to_sync": [""]}, "groups_to_sync"),
    ],
)
async def test_a_call_that_cannot_be_right_never_reaches_entra(
    server: Server, changes: dict[str, object], field: str
) -> None:
    """Each wrong field is named; the answer holds nothing of the secret."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await server.connections.Connect(request(**changes))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert field_of(caught.value) == field
    assert reason_of(caught.value) == "INVALID_FIELD"
    assert server.connector.orders == []
    assert CANARY not in repr(caught.value)


async def test_consent_is_asked_for_and_completed(server: Server) -> None:
    """The link and its end come back with a connection that waits; the redirect is handed on unaltered."""
    asked = pb.ConnectRequest(
        connection_id="main",
        tenant="Contoso.example",
        groups_to_sync=["Sales, EMEA"],
        admin_consent=pb.AdminConsent(redirect_uri="https://caller.example/back"),
    )
    answer = await server.connections.Connect(asked)
    assert answer.connection.state == pb.Connection.STATE_PENDING_CONSENT
    assert answer.pending_consent.consent_uri == "https://entraid.example/connect/x"
    assert answer.pending_consent.expire_time.seconds - answer.connection.create_time.seconds == 600
    order = server.consents.orders[0]
    assert (order.tenant, order.redirect_uri) == ("contoso.example", "https://caller.example/back")
    assert order.groups_to_sync == ("Sales", "EMEA")
    uri = f"https://caller.example/back?state={CANARY}&tenant=x"
    done = await server.connections.CompleteConsent(pb.CompleteConsentRequest(callback_uri=uri))
    assert done.connection.name == "connections/main"
    assert server.consents.callbacks == [uri]


async def test_each_permission_is_told_with_what_it_is_for(server: Server, store: SqliteStore) -> None:
    """What is needed while a consent is waited for; what is granted, by what, and what to do about the rest."""
    waiting = await server.connections.Connect(pb.ConnectRequest(admin_consent=pb.AdminConsent()))
    told = {one.name: one for one in waiting.connection.permissions}
    assert set(told) == {"User.Read.All", "GroupMember.Read.All", "Member.Read.Hidden"}
    assert {one.state for one in told.values()} == {pb.Connection.Permission.STATE_NOT_GRANTED}
    assert [one.name for one in told.values() if one.required] == ["User.Read.All", "GroupMember.Read.All"]
    assert all(one.feature and one.remedy for one in told.values())
    made = (await server.connections.Connect(request())).connection
    await store.connections.set_health(
        ConnectionId("main"),
        state=ConnectionState.ACTIVE,
        last_error=None,
        granted_permissions=("Directory.Read.All",),
    )
    found = (await server.connections.GetConnection(pb.GetConnectionRequest(name=made.name))).connection
    told = {one.name: one for one in found.permissions}
    for name in ("User.Read.All", "GroupMember.Read.All"):
        assert told[name].state == pb.Connection.Permission.STATE_GRANTED
        assert told[name].granted_by == "Directory.Read.All"
        assert not told[name].remedy
    assert list(found.granted_permissions) == ["Directory.Read.All"]
    assert not found.missing_permissions


async def test_a_pfx_is_handed_on_with_its_password(server: Server) -> None:
    """As secrets; an empty file is refused by its field."""
    pfx = pb.CertificatePfx(content=b"\x30\x82binary\xff", password=CANARY)
    app = pb.AppCredentials(client_id=CLIENT, certificate_pfx=pfx)
    await server.connections.Connect(request(app_credentials=app))
    credential = server.connector.orders[0].credential
    assert isinstance(credential, PfxFile)
    assert b64decode(credential.content.reveal()) == pfx.content
    assert credential.password.reveal() == CANARY
    assert CANARY not in repr(server.connector.orders[0])
    for content in (b"", b"x" * 70_000):
        broken = pb.AppCredentials(client_id=CLIENT, certificate_pfx=pb.CertificatePfx(content=content))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await server.connections.Connect(request(app_credentials=broken))
        assert field_of(caught.value) == "app_credentials.certificate_pfx.content"


@pytest.mark.parametrize(
    ("failure", "code", "reason"),
    [
        (ConsentLapsed("used"), grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD"),
        (ConsentDeclined("no", error="access_denied"), grpc.StatusCode.PERMISSION_DENIED, "CONSENT_DECLINED"),
        (ConsentNotOffered("set ENTRAID_CLIENT_ID"), grpc.StatusCode.FAILED_PRECONDITION, ""),
    ],
)
async def test_a_redirect_that_is_not_taken_says_why(
    server: Server, failure: Exception, code: grpc.StatusCode, reason: str
) -> None:
    """Used or unknown, declined, no app to consent to: each has its own status; nothing of the address comes back."""
    server.consents.failure = failure
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await server.connections.CompleteConsent(pb.CompleteConsentRequest(callback_uri=f"https://x/?code={CANARY}"))
    assert caught.value.code() is code
    if reason:
        assert reason_of(caught.value) == reason
    assert CANARY not in repr(caught.value)


async def test_a_workload_identity_and_a_mere_check_are_passed_on(server: Server) -> None:
    """No secret goes through the call; `validate_only` reaches those who prove and save."""
    app = pb.AppCredentials(client_id=CLIENT, workload_identity=pb.WorkloadIdentity())
    await server.connections.Connect(request(app_credentials=app, validate_only=True))
    assert server.connector.orders[0].credential == FederatedIdentity()
    assert server.connector.orders[0].validate_only
    looked = await server.connections.Connect(pb.ConnectRequest(admin_consent=pb.AdminConsent(), validate_only=True))
    assert not looked.HasField("pending_consent")


async def test_entras_refusal_arrives_with_its_code(server: Server) -> None:
    """Code and remedy reach the caller, by machine and by eye; so does how long to wait."""
    server.connector.failure = CredentialsRejected("the client secret is wrong", aadsts="AADSTS7000215")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await server.connections.Connect(request())
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert reason_of(caught.value) == "CREDENTIALS_REJECTED"
    server.connector.failure = GraphThrottled("slow down", retry_after=timedelta(seconds=9))
    with pytest.raises(grpc.aio.AioRpcError) as throttled:
        await server.connections.Connect(request())
    assert throttled.value.code() is grpc.StatusCode.UNAVAILABLE
    wait = detail_of(throttled.value, error_details_pb2.RetryInfo())
    assert wait.retry_delay.seconds == 9


async def test_an_old_etag_changes_nothing(server: Server) -> None:
    """A change that was based on another version is ABORTED, whatever it wanted to do."""
    connection = await server.add_connection()
    old = (await server.connections.GetConnection(pb.GetConnectionRequest(name="connections/main"))).connection.etag
    assert old.startswith('"')
    assert old.endswith('"')
    changed = pb.Connection(name="connections/main", display_name="New", etag=old)
    answer = await server.connections.UpdateConnection(pb.UpdateConnectionRequest(connection=changed))
    assert answer.connection.display_name == "New"
    assert answer.connection.etag != old
    for call in (
        server.connections.UpdateConnection(pb.UpdateConnectionRequest(connection=changed)),
        server.connections.Disconnect(pb.DisconnectRequest(name="connections/main", etag=old)),
        server.connections.Disconnect(pb.DisconnectRequest(name="connections/main", etag="nonsense")),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        assert caught.value.code() is grpc.StatusCode.ABORTED
    await server.store.connections.delete(connection.id)
    await server.add_connection(uid="another")
    with pytest.raises(grpc.aio.AioRpcError) as of_former:
        await server.connections.Disconnect(pb.DisconnectRequest(name="connections/main", etag=old))
    assert of_former.value.code() is grpc.StatusCode.ABORTED


async def test_only_what_the_mask_names_is_changed(server: Server) -> None:
    """A populated field outside of the mask stays, an empty one inside of it is cleared, others are refused."""
    await server.add_connection()
    sent = pb.Connection(name="connections/main", display_name="New", groups_to_sync=["Sales"])
    update = pb.UpdateConnectionRequest(connection=sent)
    update.update_mask.paths.append("groups_to_sync")
    answer = (await server.connections.UpdateConnection(update)).connection
    assert answer.display_name == "Contoso"
    assert list(answer.groups_to_sync) == ["Sales"]
    update.connection.groups_to_sync[:] = [""]
    with pytest.raises(grpc.aio.AioRpcError) as blank:
        await server.connections.UpdateConnection(update)
    assert field_of(blank.value) == "connection.groups_to_sync"
    update.connection.ClearField("groups_to_sync")
    assert not (await server.connections.UpdateConnection(update)).connection.groups_to_sync
    unchanged = pb.UpdateConnectionRequest(connection=pb.Connection(name="connections/main"))
    before = (await server.connections.UpdateConnection(unchanged)).connection
    assert before == (await server.connections.UpdateConnection(unchanged)).connection
    update.update_mask.paths.append("tenant_id")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await server.connections.UpdateConnection(update)
    assert field_of(caught.value) == "update_mask.paths[1]"


async def test_a_connection_names_the_data_that_is_served(server: Server) -> None:
    """The label is the one that answers carry."""
    connection = await server.add_connection()
    await server.commit(connection)
    shown = (await server.connections.GetConnection(pb.GetConnectionRequest(name="connections/main"))).connection
    assert shown.snapshot.token
    assert shown.snapshot.sync_time.ToDatetime(tzinfo=connection.create_time.tzinfo) == connection.create_time


async def test_a_connection_tells_when_it_is_synced_next(server: Server) -> None:
    """One interval after its last run; not while one is under way, nor before consent."""

    async def shown() -> pb.Connection:
        (listed,) = (await server.connections.ListConnections(pb.ListConnectionsRequest())).connections
        call = pb.GetConnectionRequest(name="connections/main")
        assert (await server.connections.GetConnection(call)).connection == listed
        return listed

    await server.add_connection()
    first = await shown()
    assert first.next_sync_time.seconds - first.update_time.seconds == 120
    started = (await server.sync.Sync(SyncRequest(connection="connections/main"))).sync_run
    assert not (await shown()).HasField("next_sync_time")
    server.clock.time += timedelta(seconds=30)
    ended = (await server.sync.CancelSyncRun(CancelSyncRunRequest(name=started.name))).sync_run
    assert (await shown()).next_sync_time.seconds - ended.end_time.seconds == 120


async def test_a_connection_that_waits_for_consent_has_no_next_sync(server: Server) -> None:
    """Nobody knows when that will be."""
    call = pb.ConnectRequest(connection_id="main", admin_consent=pb.AdminConsent())
    waiting = (await server.connections.Connect(call)).connection
    assert waiting.state == pb.Connection.STATE_PENDING_CONSENT
    assert not waiting.HasField("next_sync_time")


async def test_connections_come_in_pages(server: Server) -> None:
    """Every connection once, in the order of their names."""
    for name in ("b", "a", "d", "c", "e"):
        await server.add_connection(name)
    names: list[str] = []
    token = ""
    while True:
        page = await server.connections.ListConnections(pb.ListConnectionsRequest(page_size=2, page_token=token))
        names += [connection.name for connection in page.connections]
        token = page.next_page_token
        if not token:
            break
    assert names == [f"connections/{name}" for name in "abcde"]
