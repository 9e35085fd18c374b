"""Tortoise's client for PostgreSQL, made to behave as the one for SQLite does.

Three things differ from the client that it builds on. Every fault arrives as a
``BaseORMException``, also at the begin and end of a transaction; a connection is given back
when its transaction cannot begin, so that a server that restarts does not use up the pool;
and one transaction runs at a time, as control's changes are written for. Tortoise tells by
``asyncpg`` in this module's name which statements it may write.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import (
    NestedTransactionContext,
    TransactionalDBClient,
    TransactionContext,
)
from tortoise.connection import get_connections
from tortoise.exceptions import BaseORMException, TransactionManagementError

from daemon.store.postgresql.faults import translated
from daemon.store.postgresql.fitting import fit_text

CONNECTIONS: Final = 4
"""At most, for the models of one process; history has one of its own."""
CONNECT_S: Final = 10.0
STATEMENT_S: Final = 300.0
"""Longer than any report or migration takes; ends the wait for a server that fell silent."""
SESSION: Final = {
    "application_name": "hookflash",
    "timezone": "UTC",
    # Compiling a query pays for reports over hours, not for ours.
    "jit": "off",
    # A client that vanished gives its locks back after a minute, not after two hours.
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}


class _Translating:
    """Faults as BaseORMException, and texts without NUL, for a client and its transactions."""

    async def _translate_exceptions(
        self, func: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any
    ) -> Any:
        with translated():
            return await func(self, *(_without_nul(each) for each in args), **kwargs)


class PostgresqlClient(_Translating, AsyncpgDBClient):
    """A pool of connections to the database that a URL names."""

    def __init__(self, *, dsn: str, read_only: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._dsn = dsn
        self._settings = {**SESSION, "default_transaction_read_only": "on" if read_only else "off"}
        self._one_at_a_time = asyncio.Lock()

    async def create_connection(self, with_db: bool) -> None:  # noqa: FBT001 - as its base
        with translated():
            self._pool = await asyncpg.create_pool(
                self._dsn,
                min_size=0,
                max_size=CONNECTIONS,
                timeout=CONNECT_S,
                command_timeout=STATEMENT_S,
                server_settings=self._settings,
            )

    def _in_transaction(self) -> TransactionContext:
        return _Transaction(self, self._one_at_a_time)


class _InTransaction(_Translating, TransactionWrapper):
    """The client inside a transaction; a transaction within it is a savepoint."""

    def _in_transaction(self) -> TransactionContext:
        return NestedTransactionContext(_InTransaction(self))


class _Transaction(TransactionContext):
    def __init__(self, parent: PostgresqlClient, one_at_a_time: asyncio.Lock) -> None:
        self._parent = parent
        self._lock = one_at_a_time

    async def __aenter__(self) -> TransactionalDBClient:
        await self._lock.acquire()
        try:
            with translated():
                if self._parent._pool is None:
                    await self._parent.create_connection(with_db=True)
                pool = self._parent._pool
                assert pool is not None
                self._pool = pool
                connection = await pool.acquire()
                self.client = _InTransaction(self._parent)
                self.client._connection = connection
                try:
                    await self.client.begin()
                except BaseException:
                    await pool.release(connection)
                    raise
        except BaseException:
            self._lock.release()
            raise
        self._token = get_connections().set(self._parent.connection_name, self.client)
        return self.client

    async def __aexit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        try:
            with translated():
                await self._end(exc_type)
        finally:
            get_connections().reset(self._token)
            self._lock.release()
            with translated():
                await self._pool.release(self.client._connection)

    async def _end(self, exc_type: type[BaseException] | None) -> None:
        if self.client._finalized:
            return
        if exc_type is None:
            await self.client.commit()
        elif exc_type is not TransactionManagementError:
            try:
                with translated():
                    await self.client.rollback()
            except BaseORMException:
                # The connection is gone and the transaction with it: what went wrong first counts.
                return


def _without_nul(argument: Any) -> Any:
    if isinstance(argument, list):
        return [_without_nul(each) for each in argument]
    return fit_text(argument) if isinstance(argument, str) else argument


client_class = PostgresqlClient
