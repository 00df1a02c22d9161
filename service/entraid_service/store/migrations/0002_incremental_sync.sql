-- Incremental sync: leases of runs, links of feeds, reads that wait for a person's word.
--
-- `holder` names a process that has this database open, see `store/presence.py`; the empty one is nobody.

ALTER TABLE sync_run ADD COLUMN holder TEXT NOT NULL DEFAULT '';
ALTER TABLE sync_run ADD COLUMN lease_end INTEGER NOT NULL DEFAULT 0;

-- Who writes a generation, and how many rows it has once it is complete: counting them takes as long as the tenant is
-- large, and an incremental sync must not.
ALTER TABLE generation ADD COLUMN holder TEXT NOT NULL DEFAULT '';
ALTER TABLE generation ADD COLUMN user_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE generation ADD COLUMN group_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE generation ADD COLUMN membership_count INTEGER NOT NULL DEFAULT 0;

UPDATE generation SET
    user_count = (SELECT count(*) FROM directory_user WHERE generation = id),
    group_count = (SELECT count(*) FROM directory_group WHERE generation = id),
    membership_count = (SELECT count(*) FROM membership WHERE generation = id)
        + (SELECT count(*) FROM nesting WHERE generation = id)
WHERE id IN (SELECT generation FROM snapshot);

-- Where the next incremental read of a generation goes on. `groups` is a JSON object: the ids that a link covers,
-- joined by commas, to the link.
CREATE TABLE feed_links (
    generation INTEGER NOT NULL PRIMARY KEY REFERENCES generation (id) ON DELETE CASCADE,
    binding    TEXT    NOT NULL,
    users      TEXT    NOT NULL,
    groups     TEXT    NOT NULL
);

-- A complete read that would remove too much to be served by itself; gone as soon as anything else is served.
CREATE TABLE held_read (
    connection_id TEXT    NOT NULL PRIMARY KEY REFERENCES connection (id) ON DELETE CASCADE,
    run_id        TEXT    NOT NULL,
    generation    INTEGER NOT NULL UNIQUE,
    sync_time     INTEGER NOT NULL,
    scope         TEXT    NOT NULL
) WITHOUT ROWID;

-- A group that is deleted leaves the groups that it was nested in.
CREATE INDEX nesting_by_child ON nesting (generation, child_id);
