-- A run can be cancelled through any process; the one that drives it looks here.

ALTER TABLE sync_run ADD COLUMN is_cancel_asked INTEGER NOT NULL DEFAULT 0;
