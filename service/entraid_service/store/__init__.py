"""What lasts, in SQLite: one writer, many readers, every answer from one moment.

`sqlite` puts the parts together: `connections` and `runs` keep the bookkeeping, `directory` and `staging` write
directory data by generations, `lists` and `views` read it. `database` owns the connections, `migrate` the schema,
`rows` the form on disk, `faults` what SQLite's errors mean to people.
"""

from entraid_service.store.migrate import current_version, migrate
from entraid_service.store.sqlite import SqliteStore

__all__ = ["SqliteStore", "current_version", "migrate"]
