-- At which revision groups and nesting of a generation last changed: what is kept in memory of them, and takes as long to
-- build as there are groups, is built anew only then. 0 stands for the generation's first revision.

ALTER TABLE generation ADD COLUMN groups_revision INTEGER NOT NULL DEFAULT 0;
