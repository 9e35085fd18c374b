"""What PostgreSQL and the way to it report, as the errors that the whole program knows.

asyncpg has three trees of errors, and a lost connection may show as any of them or as an
OSError. Whoever reads or writes catches ``BaseORMException`` alone, as with SQLite.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg
from tortoise.exceptions import (
    BaseORMException,
    DBConnectionError,
    IntegrityError,
    OperationalError,
    TransactionManagementError,
)

_AWAY: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shut down, crashed, starting, or ended by its operator
    asyncpg.InsufficientResourcesError,  # too many connections, disk or memory full
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InternalClientError,
    OSError,  # also the TimeoutError of asyncio
)
"""The database cannot be used now, and may be later."""


@contextmanager
def translated() -> Iterator[None]:
    """Raise DBConnectionError when the database is away, IntegrityError for a row, else others."""
    try:
        yield
    except BaseORMException:
        raise  # a DBConnectionError is an OSError too
    except asyncpg.IntegrityConstraintViolationError as error:
        raise IntegrityError(error) from error
    except asyncpg.InvalidTransactionStateError as error:
        raise TransactionManagementError(error) from error
    except _AWAY as error:
        raise DBConnectionError(str(error) or type(error).__name__) from error
    except asyncpg.PostgresError as error:
        raise OperationalError(error) from error
    except asyncpg.InterfaceError as error:
        if is_of_a_value(error):
            raise OperationalError(error) from error
        raise DBConnectionError(error) from error


def is_of_a_value(error: BaseException | None) -> bool:
    """True when PostgreSQL does not take a value: too long, too large, with a NUL, missing."""
    if isinstance(error, asyncpg.InterfaceError):
        # The driver says it before the server can; what else it says are faults of connections.
        return isinstance(error, ValueError)
    return isinstance(error, asyncpg.IntegrityConstraintViolationError | asyncpg.DataError)
