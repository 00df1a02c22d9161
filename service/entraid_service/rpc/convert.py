"""From the core's values to the contract's messages. Nothing is looked up or checked here."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from google.protobuf.struct_pb2 import ListValue, Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp

from entraid.v1 import connection_service_pb2, directory_service_pb2, snapshot_pb2, sync_service_pb2
from entraid_service.model.connection import Connection
from entraid_service.model.directory import CORE_ATTRIBUTES, AttributeValue, Scalar, User
from entraid_service.model.ids import ConnectionId
from entraid_service.model.permissions import PermissionStatus
from entraid_service.model.scope import GroupResolution
from entraid_service.model.syncrun import Changes, Progress, RunState, SyncRun
from entraid_service.ports import ListedGroup
from entraid_service.rpc.etag import etag
from entraid_service.rpc.names import connection_name, group_name, sync_run_name, user_name
from entraid_service.rpc.status import from_report


def timestamp(moment: datetime | None) -> Timestamp | None:
    """A moment, None (which leaves the field out) for none."""
    if moment is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


def connection_message(
    connection: Connection,
    snapshot: snapshot_pb2.Snapshot | None,
    *,
    next_sync: datetime | None,
    permissions: Iterable[PermissionStatus] = (),
) -> connection_service_pb2.Connection:
    """A connection, without its credential, which no value of the core holds either.

    `next_sync` is when it is synced next without being asked; `permissions` is how each of those stands that it needs.
    """
    return connection_service_pb2.Connection(
        name=connection_name(connection.id),
        display_name=connection.display_name,
        tenant_id=connection.tenant_id,
        client_id=connection.client_id,
        state=connection_service_pb2.Connection.State.ValueType(connection.state.value),
        groups_to_sync=connection.groups_to_sync,
        granted_permissions=connection.granted_permissions,
        missing_permissions=connection.missing_permissions,
        credential_expire_time=timestamp(connection.credential_expire_time),
        snapshot=snapshot,
        last_error=None if connection.last_error is None else from_report(connection.last_error),
        create_time=timestamp(connection.create_time),
        update_time=timestamp(connection.update_time),
        etag=etag(connection),
        permissions=[_permission(status) for status in permissions],
        next_sync_time=timestamp(next_sync),
    )


def sync_run_message(run: SyncRun, snapshot: snapshot_pb2.Snapshot | None) -> sync_service_pb2.SyncRun:
    """A run; `snapshot` labels what it produced."""
    return sync_service_pb2.SyncRun(
        name=sync_run_name(run.connection_id, run.id),
        state=sync_service_pb2.SyncRun.State.ValueType(run.state.value),
        mode=sync_service_pb2.SyncMode.ValueType(run.mode.value),
        progress=_progress(run.progress),
        # A held run keeps what it would change, until it is approved.
        changes=_changes(run.changes) if run.changes and run.state is RunState.SUCCEEDED else None,
        snapshot=snapshot,
        group_resolutions=[_resolution(run.connection_id, resolution) for resolution in run.resolutions],
        error=None if run.error is None else from_report(run.error),
        create_time=timestamp(run.create_time),
        start_time=timestamp(run.start_time),
        end_time=timestamp(run.end_time),
        skipped_objects=[
            sync_service_pb2.SyncRun.SkippedObject(object_id=one.id, problem=one.problem) for one in run.skipped
        ],
    )


def user_message(connection_id: ConnectionId, user: User, *, is_full: bool) -> directory_service_pb2.User:
    """A user; with `is_full` every synced attribute beside the core ones."""
    return directory_service_pb2.User(
        name=user_name(connection_id, user.id),
        object_id=user.id,
        display_name=user.text("displayName"),
        user_principal_name=user.user_principal_name,
        mail=user.text("mail"),
        account_enabled=user.is_enabled,
        user_type=user.text("userType"),
        manager="" if user.manager_id is None else user_name(connection_id, user.manager_id),
        attributes=_attributes(user.attributes) if is_full else None,
    )


def group_message(connection_id: ConnectionId, listed: ListedGroup) -> directory_service_pb2.Group:
    """A group with its count of members."""
    group = listed.group
    return directory_service_pb2.Group(
        name=group_name(connection_id, group.id),
        object_id=group.id,
        display_name=group.display_name,
        description=group.description,
        mail=group.mail,
        kind=directory_service_pb2.Group.Kind.ValueType(group.kind.value),
        membership_rule=group.membership_rule,
        member_count=listed.member_count,
    )


def _permission(status: PermissionStatus) -> connection_service_pb2.Connection.Permission:
    message = connection_service_pb2.Connection.Permission
    return message(
        name=status.permission.name,
        feature=status.permission.feature,
        required=status.permission.is_required,
        state=message.State.ValueType(status.grant.value),
        granted_by=status.granted_by,
        remedy=status.remedy,
    )


def _progress(progress: Progress) -> sync_service_pb2.SyncRun.Progress:
    return sync_service_pb2.SyncRun.Progress(
        phase=sync_service_pb2.SyncRun.Phase.ValueType(0 if progress.phase is None else progress.phase.value),
        users=progress.users,
        groups=progress.groups,
        memberships=progress.memberships,
        graph_requests=progress.graph_requests,
        throttled_requests=progress.throttled_requests,
        skipped_objects=progress.skipped_objects,
        other_members=progress.other_members,
    )


def _changes(changes: Changes) -> sync_service_pb2.SyncRun.Changes:
    return sync_service_pb2.SyncRun.Changes(
        users_upserted=changes.users_upserted,
        users_deleted=changes.users_deleted,
        groups_upserted=changes.groups_upserted,
        groups_deleted=changes.groups_deleted,
        memberships_added=changes.memberships_added,
        memberships_removed=changes.memberships_removed,
    )


def _resolution(connection_id: ConnectionId, resolution: GroupResolution) -> sync_service_pb2.GroupResolution:
    return sync_service_pb2.GroupResolution(
        entry=resolution.entry,
        state=sync_service_pb2.GroupResolution.State.ValueType(resolution.state.value),
        groups=[group_name(connection_id, group_id) for group_id in resolution.groups],
    )


def _attributes(attributes: Mapping[str, AttributeValue]) -> Struct:
    return Struct(fields={name: _value(value) for name, value in attributes.items() if name not in CORE_ATTRIBUTES})


def _value(value: AttributeValue) -> Value:
    if isinstance(value, list):
        return Value(list_value=ListValue(values=[_scalar(item) for item in value]))
    return _scalar(value)


def _scalar(value: Scalar) -> Value:
    # bool first: Python counts it among the integers.
    if isinstance(value, bool):
        return Value(bool_value=value)
    if isinstance(value, str):
        return Value(string_value=value)
    return Value(number_value=value)
