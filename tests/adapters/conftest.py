"""What the adapters' tests share: the databases of the store's tests."""

from tests.adapters.postgres import postgres_server, postgres_url
from tests.adapters.store_databases import (
    database,
    database_url,
    empty_database,
    postgres_template,
    sqlite_template,
)

__all__ = [
    "database",
    "database_url",
    "empty_database",
    "postgres_server",
    "postgres_template",
    "postgres_url",
    "sqlite_template",
]
