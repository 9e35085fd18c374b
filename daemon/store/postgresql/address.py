"""How a site names its PostgreSQL database, and how that is shown without its password."""

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from daemon.errors import StoreError
from daemon.language import pick

PACKAGE: Final = "asyncpg>=0.29,<1"
SCHEMES: Final = ("postgres", "postgresql")
UNNAMED: Final = "[records] database"
"""How a URL is named of which nobody knows where its password ends."""


def shown(database: Path | str) -> str:
    """A database as messages and logs may name it: without user, password and options."""
    if isinstance(database, Path):
        return str(database)
    try:
        parts = urlsplit(database)
        parts.port  # noqa: B018 - raises when it is no number
        asked = parse_qs(parts.query).get("host", [""])[-1]
    except ValueError:
        return UNNAMED
    # An @ behind the host: the password before it has a letter that ends the host.
    if parts.scheme not in SCHEMES or "@" in parts.path + parts.query + parts.fragment:
        return UNNAMED
    host = parts.netloc.rpartition("@")[2]
    return f"postgres://{host}{parts.path}" + (f"?host={asked}" if asked else "")


def is_refusal(error: BaseException) -> bool:
    """True when a server answered, and waiting will not help: no such role, password, database."""
    # Class 28 and 3D000 of SQLSTATE, in the appendix of PostgreSQL's manual.
    code = str(getattr(error.__cause__, "sqlstate", ""))
    return code.startswith("28") or code == "3D000"


def checked(database: str) -> str:
    """A URL that can be connected to; StoreError says what is wrong with it otherwise."""
    try:
        parts = urlsplit(database)
        parts.port  # noqa: B018 - raises when it is no number
        if "@" in parts.path:
            raise ValueError("the password has a / in it, or the database an @")
    except ValueError:
        # What it says may hold a part of the password.
        raise StoreError(
            pick(
                "[records] database: is no URL; write special characters of the password as %XX, "
                "or leave the password to a password file",
                "[records] database：不是有效的 URL；密码中的特殊字符请写成 %XX，或改用密码文件",
            )
        ) from None
    if parts.scheme not in SCHEMES:
        raise StoreError(
            pick(
                "[records] database: begins with postgres://, or is empty for SQLite",
                "[records] database：应以 postgres:// 开头；留空则用 SQLite",
            )
        )
    if len(parts.path) < 2:
        raise StoreError(
            pick(
                "[records] database: names no database; postgres://host/NAME",
                "[records] database：没有写数据库名；postgres://主机/名称",
            )
        )
    if find_spec("asyncpg") is None:
        raise StoreError(
            pick(
                f"PostgreSQL needs one more package: {sys.prefix}/bin/pip install '{PACKAGE}'",
                f"使用 PostgreSQL 需要另装软件包：{sys.prefix}/bin/pip install '{PACKAGE}'",
            )
        )
    return database
