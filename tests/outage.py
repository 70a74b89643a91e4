"""A PostgreSQL that is away, for one database of the test server."""

from __future__ import annotations

import psycopg
from sqlalchemy.engine import make_url

from sfm.config import Settings


def away(server: str, settings: Settings) -> None:
    """PostgreSQL ends the connections to this database and accepts no new ones."""
    name = make_url(settings.database).database
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        connection.execute(end, [name])


def back(server: str, settings: Settings) -> None:
    """It accepts connections again."""
    name = make_url(settings.database).database
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
