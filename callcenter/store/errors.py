"""The tree of errors the store raises.

StoreError
├── InvalidDatabaseUrl    invalid_database_url
├── DatabaseUnreachable   database_unreachable
├── SchemaBehind          schema_behind
├── SchemaTooNew          schema_too_new
├── SpillInUse            spill_in_use
├── SpillFailed           spill_failed
├── JournalStopped        journal_stopped
├── DamagedRules          damaged_rules
└── UnknownEvent          unknown_event
"""

from callcenter.domain.errors import CallcenterError


class StoreError(CallcenterError):
    """Anything the store cannot do."""

    code = "store_error"


class InvalidDatabaseUrl(StoreError):
    """The database's address cannot be used; nothing was opened."""

    code = "invalid_database_url"


class DatabaseUnreachable(StoreError):
    """The database is away, locked or too slow; trying again later may help."""

    code = "database_unreachable"


class SchemaBehind(StoreError):
    """The tables are older than the program."""

    code = "schema_behind"


class SchemaTooNew(StoreError):
    """The tables are newer than the program."""

    code = "schema_too_new"


class SpillInUse(StoreError):
    """Another process writes to the same spill file."""

    code = "spill_in_use"


class SpillFailed(StoreError):
    """The spill file cannot be opened."""

    code = "spill_failed"


class JournalStopped(StoreError):
    """Something was written after the journal had been stopped."""

    code = "journal_stopped"


class DamagedRules(StoreError):
    """A document of rules in the database is none."""

    code = "damaged_rules"


class UnknownEvent(StoreError):
    """An event's name or class is none of those the program knows."""

    code = "unknown_event"
