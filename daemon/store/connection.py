"""Opens the site's database: SQLite in the site directory, or what ``[records]`` names.

Control opens it for writing and brings its tables up to date; the console opens it
read-only. Migrations are Tortoise's own, numbered, forward only, in ``migrations/``.
"""

import asyncio
import pkgutil
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

from tortoise.apps import Apps
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.context import TortoiseContext, get_current_context, set_global_context
from tortoise.exceptions import BaseORMException, DBConnectionError
from tortoise.migrations.executor import MigrationExecutor
from tortoise.migrations.recorder import MigrationRecorder

from daemon.errors import DaemonError, StoreAwayError, StoreEmptyError, StoreError
from daemon.language import pick
from daemon.logs import get_logger
from daemon.site_directory import SiteDirectory
from daemon.store import migrations
from daemon.store.first_import import import_site
from daemon.store.postgresql.address import checked, is_refusal, shown

MODELS: Final = (
    "daemon.store.people",
    "daemon.store.routing",
    "daemon.store.flows",
    "daemon.store.history",
    "daemon.store.audit",
)
SQLITE_HEADER: Final = b"SQLite format 3\0"
AWAY_FIRST_S: Final = 0.25
AWAY_LIMIT_S: Final = 2.0
BUSY_TIMEOUT_MS: Final = 5000  # longest wait for another writer, such as `hookflash import`

log = get_logger(__name__)


def database_config(database: Path | str, *, read_only: bool = False) -> dict[str, Any]:
    """Tortoise's configuration for a file, or for a URL of PostgreSQL.

    Raises StoreError when the URL cannot be one.
    """
    connection: object
    # Tortoise keeps the statements of a model by the name of its connection.
    name = "default" if isinstance(database, Path) else "postgresql"
    if isinstance(database, Path):
        options: dict[str, object] = {
            "journal_mode": "WAL",
            # In WAL mode a power cut may lose the last commits, never the file; the
            # journal writes them again.
            "synchronous": "NORMAL",
            "foreign_keys": "ON",
            "busy_timeout": BUSY_TIMEOUT_MS,
        }
        if read_only:
            options["query_only"] = "ON"
        connection = {
            "engine": "tortoise.backends.sqlite",
            "credentials": {"file_path": str(database), **options},
        }
    else:
        connection = {
            "engine": "daemon.store.postgresql.asyncpg_client",
            "credentials": {"dsn": checked(database), "read_only": read_only},
        }
    return {
        "connections": {name: connection},
        "apps": {
            "store": {
                "models": list(MODELS),
                "default_connection": name,
                "migrations": "daemon.store.migrations",
            }
        },
        "use_tz": False,
    }


class Store:
    """An open database; the models use the first one opened in a process."""

    def __init__(self, database: Path | str, context: TortoiseContext) -> None:
        self.database = database
        self._context = context

    @property
    def connection(self) -> BaseDBAsyncClient:
        """The connection, for statements that models cannot express."""
        return self._context.db()

    @property
    def apps(self) -> Apps:
        """The models as Tortoise knows them."""
        apps = self._context.apps
        if apps is None:
            raise StoreError(f"{shown(self.database)}: is closed")
        return apps

    @contextmanager
    def current(self) -> Iterator[None]:
        """Let the models use this database inside the block, whatever else is open."""
        if get_current_context() is self._context:
            yield
            return
        with self._context:
            yield

    async def close(self) -> None:
        """Close the connection; closing twice is harmless."""
        await self._context.close_connections()


async def open_database(site: SiteDirectory, *, read_only: bool = False) -> Store:
    """Open the database of a site, an empty one filled from the site's files.

    Raises StoreError as ``open_store`` does, ConfigError when the files have faults.
    """
    store = await open_store(site.database, read_only=read_only)
    if read_only:
        return store
    try:
        with store.current():
            await import_site(site, now_ms=int(time.time() * 1000))
    except DaemonError:
        await store.close()
        raise
    except (BaseORMException, OSError, sqlite3.Error) as error:
        await store.close()
        raise _store_error(site.database, error) from error
    return store


async def open_when_there(site: SiteDirectory, stopping: "asyncio.Future[Any]") -> Store | None:
    """``open_database``, but while its server cannot be reached, wait for it and say so.

    None when told to stop meanwhile.
    """
    pause_s = AWAY_FIRST_S
    while not stopping.done():
        try:
            return await open_database(site)
        except StoreAwayError as error:
            log.error("database away", error=str(error), again_s=pause_s)
        await asyncio.wait({stopping}, timeout=pause_s)
        pause_s = min(pause_s * 2, AWAY_LIMIT_S)
    return None


async def open_store(database: Path | str, *, read_only: bool = False) -> Store:
    """Connect the models to a database; without ``read_only`` bring its tables up to date.

    Raises StoreError when it is missing (read-only), locked, newer than we are, or broken.
    """
    if isinstance(database, Path):
        await asyncio.to_thread(_check_file, database, must_exist=read_only)
    config = database_config(database, read_only=read_only)
    context = TortoiseContext()
    try:
        with context:
            await context.init(config=config)
            # Whether it can be reached; migrations take every fault for an empty database.
            await context.db().execute_query("SELECT 1")
            if not read_only:
                await MigrationExecutor(context.db(), config["apps"]).migrate()
            await _check_version(database, context.db())
    except StoreError:
        await context.close_connections()
        raise
    except (BaseORMException, OSError, ValueError, sqlite3.Error) as error:
        await context.close_connections()
        raise _store_error(database, error) from error
    # Requests of the console and tasks of control start outside the task that opened the
    # database; they find it through the process-wide fallback.
    if get_current_context() is None:
        set_global_context(context)
    return Store(database, context)


@asynccontextmanager
async def opened_store(database: Path | str, *, read_only: bool = False) -> AsyncIterator[Store]:
    """Open for the length of an ``async with`` block, for this task and those it starts."""
    store = await open_store(database, read_only=read_only)
    try:
        with store.current():
            yield store
    finally:
        await store.close()


def _store_error(database: Path | str, error: Exception) -> StoreError:
    text = f"{shown(database)}: {error}"
    away = isinstance(error, DBConnectionError) and not is_refusal(error)
    return StoreAwayError(text) if away else StoreError(text)


async def _check_version(database: Path | str, connection: BaseDBAsyncClient) -> None:
    ours = {name for _, name, _ in pkgutil.iter_modules(migrations.__path__)}
    applied = {key.name for key in await MigrationRecorder(connection).applied_migrations()}
    if applied - ours:
        raise StoreError(
            pick(
                f"{shown(database)}: written by a newer Hookflash ({max(applied - ours)}); upgrade this one",
                f"{shown(database)}：由更新版本写入（{max(applied - ours)}）；请升级",
            )
        )
    if ours - applied:
        kind = StoreError if applied else StoreEmptyError
        raise kind(
            pick(
                f"{shown(database)}: not up to date; `hookflash run` brings it there",
                f"{shown(database)}：版本过旧；`hookflash run` 会更新",
            )
        )


def _check_file(database: Path, *, must_exist: bool) -> None:
    try:
        with database.open("rb") as file:
            start = file.read(len(SQLITE_HEADER))
    except FileNotFoundError:
        if must_exist:
            raise StoreError(
                pick(
                    f"{database}: no database yet; `hookflash run` makes it",
                    f"{database}：还没有数据库；`hookflash run` 会创建",
                )
            ) from None
        return
    except OSError as error:
        raise StoreError(f"{database}: {error.strerror}") from error
    if start and start != SQLITE_HEADER:
        raise StoreError(
            pick(
                f"{database}: this is not a database; move it away",
                f"{database}：不是数据库；请移走",
            )
        )
