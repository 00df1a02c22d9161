-- Connections, their credentials and runs; directory data by generations.
--
-- A generation is one complete read of one tenant for one connection; its number is never used again, so a row that
-- carries it belongs to that connection and tenant and to no other. `snapshot` says which one is served.
--
-- Object ids: a GUID is a blob of 16 bytes, any other id is text. Columns of type BLOB convert nothing, so the two
-- never compare as equal, and the order of the blobs is the order of the lower-case GUIDs.
-- Times are microseconds since 1970-01-01 UTC.

CREATE TABLE connection (
    id                     TEXT    NOT NULL PRIMARY KEY,
    uid                    TEXT    NOT NULL UNIQUE,
    display_name           TEXT    NOT NULL,
    tenant_id              TEXT    NOT NULL,
    client_id              TEXT    NOT NULL,
    state                  INTEGER NOT NULL,
    create_time            INTEGER NOT NULL,
    update_time            INTEGER NOT NULL,
    version                INTEGER NOT NULL,
    groups_to_sync         TEXT    NOT NULL,
    granted_permissions    TEXT    NOT NULL,
    missing_permissions    TEXT    NOT NULL,
    credential_expire_time INTEGER,
    last_error             TEXT
) WITHOUT ROWID;

CREATE TABLE credential (
    connection_id TEXT NOT NULL PRIMARY KEY REFERENCES connection (id) ON DELETE CASCADE,
    kind          TEXT NOT NULL,
    sealed        BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE sync_run (
    connection_id TEXT    NOT NULL REFERENCES connection (id) ON DELETE CASCADE,
    id            TEXT    NOT NULL,
    create_time   INTEGER NOT NULL,
    is_running    INTEGER NOT NULL,
    request_id    TEXT    NOT NULL,
    record        TEXT    NOT NULL,
    PRIMARY KEY (connection_id, id)
) WITHOUT ROWID;

CREATE INDEX sync_run_newest_first ON sync_run (connection_id, create_time, id);
CREATE UNIQUE INDEX sync_run_one_at_a_time ON sync_run (connection_id) WHERE is_running;
CREATE UNIQUE INDEX sync_run_request ON sync_run (connection_id, request_id) WHERE request_id <> '';

CREATE TABLE generation (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    connection_id  TEXT    NOT NULL,
    connection_uid TEXT    NOT NULL,
    tenant_id      TEXT    NOT NULL,
    is_dropped     INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE snapshot (
    connection_id TEXT    NOT NULL PRIMARY KEY REFERENCES connection (id) ON DELETE CASCADE,
    tenant_id     TEXT    NOT NULL,
    generation    INTEGER NOT NULL UNIQUE,
    revision      INTEGER NOT NULL UNIQUE,
    sync_time     INTEGER NOT NULL,
    scope         TEXT    NOT NULL
) WITHOUT ROWID;

-- One counter for all connections: a connection that is made again under an old name must not repeat a revision.
CREATE TABLE last_revision (
    value INTEGER NOT NULL
);

INSERT INTO last_revision (value) VALUES (0);

CREATE TABLE directory_user (
    generation INTEGER NOT NULL,
    object_id  BLOB    NOT NULL,
    record     BLOB    NOT NULL,
    PRIMARY KEY (generation, object_id)
) WITHOUT ROWID;

-- kind 0: user principal name, 1: mail address; both folded.
CREATE TABLE user_name (
    generation INTEGER NOT NULL,
    kind       INTEGER NOT NULL,
    folded     TEXT    NOT NULL,
    object_id  BLOB    NOT NULL,
    PRIMARY KEY (generation, kind, folded, object_id)
) WITHOUT ROWID;

CREATE TABLE directory_group (
    generation INTEGER NOT NULL,
    object_id  BLOB    NOT NULL,
    record     BLOB    NOT NULL,
    PRIMARY KEY (generation, object_id)
) WITHOUT ROWID;

-- Users who are direct members, by group: the order in which Microsoft Graph tells them.
CREATE TABLE membership (
    generation INTEGER NOT NULL,
    group_id   BLOB    NOT NULL,
    member_id  BLOB    NOT NULL,
    PRIMARY KEY (generation, group_id, member_id)
) WITHOUT ROWID;

-- The same edges by user: the order in which decisions ask. A table and not an index, because rows that arrive by
-- group land everywhere in an index by user; it is filled in sorted pieces when a read is complete.
CREATE TABLE member_of (
    generation INTEGER NOT NULL,
    member_id  BLOB    NOT NULL,
    group_id   BLOB    NOT NULL,
    PRIMARY KEY (generation, member_id, group_id)
) WITHOUT ROWID;

-- Groups that are direct members of groups.
CREATE TABLE nesting (
    generation INTEGER NOT NULL,
    group_id   BLOB    NOT NULL,
    child_id   BLOB    NOT NULL,
    PRIMARY KEY (generation, group_id, child_id)
) WITHOUT ROWID;
