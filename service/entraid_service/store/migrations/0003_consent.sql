-- Consents under way. `record` is JSON; what is secret in it is sealed, what has to be found is a digest.

CREATE TABLE consent (
    id            TEXT    NOT NULL PRIMARY KEY,
    connection_id TEXT    NOT NULL REFERENCES connection (id) ON DELETE CASCADE,
    version       INTEGER NOT NULL,
    expire_time   INTEGER NOT NULL,
    link          BLOB    NOT NULL UNIQUE,
    state         BLOB,
    sealed        BLOB    NOT NULL,
    record        TEXT    NOT NULL
) WITHOUT ROWID;

CREATE INDEX consent_of_connection ON consent (connection_id);
CREATE UNIQUE INDEX consent_awaiting ON consent (state) WHERE state IS NOT NULL;
