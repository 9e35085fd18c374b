"""A PostgreSQL server of the tests' own: made, started on a socket, stopped and ended.

Debian's cluster is not used. The server refuses to run as root, so root starts it as the
user of the package; everybody else as himself.
"""

import asyncio
import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from daemon.store.connection import opened_store

DEBIAN = Path("/usr/lib/postgresql")
OWNER = "postgres"
START_S = 30.0
EMPTY = """
SET session_replication_role = replica;
DO $$
DECLARE each record;
BEGIN
  PERFORM pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid();
  DELETE FROM tortoise_migrations WHERE name > '9';
  FOR each IN SELECT tablename FROM pg_tables
    WHERE schemaname = 'public' AND tablename <> 'tortoise_migrations' LOOP
    EXECUTE format('DELETE FROM %I', each.tablename);
  END LOOP;
  FOR each IN SELECT sequencename FROM pg_sequences
    WHERE sequencename <> 'tortoise_migrations_id_seq' LOOP
    EXECUTE format('ALTER SEQUENCE %I RESTART', each.sequencename);
  END LOOP;
END $$
"""
PR_SET_PDEATHSIG = 1  # prctl(2)
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_connections": "60",
    "autovacuum": "off",
    "max_wal_size": "64MB",
    "logging_collector": "off",
}


class PostgresqlCluster:
    """One server with any number of databases."""

    def __init__(self) -> None:
        # A socket's path may have 107 letters, which pytest's folders use up; and the server's
        # user has no way into folders that are root's alone.
        self.folder = Path(tempfile.mkdtemp(prefix="hf-pg-", dir="/tmp"))
        self._made = 0
        self._free: list[str] = []
        """Filled databases that a test has given back."""
        self._as_owner: dict[str, object] = {}
        if os.geteuid() == 0:
            owner = pwd.getpwnam(OWNER)
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
            self.folder.chmod(0o755)
            self._as_owner = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": ()}
        self._run(
            "initdb",
            *("--pgdata", str(self._data), "--username", "hotline", "--auth", "trust"),
            # The order of letters that people expect is not that of their codes.
            *("--encoding", "UTF8", "--locale-provider", "icu", "--icu-locale", "en-US"),
            *("--locale", "C.UTF-8", "--no-sync"),
        )
        lines = [f"{key} = '{value}'" for key, value in SETTINGS.items()]
        with (self._data / "postgresql.conf").open("a") as file:
            file.write("\n".join([*lines, f"unix_socket_directories = '{self.folder}'", ""]))
        self.start()

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [_program("postgres"), "-D", str(self._data)],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_end_with_parent,
                **self._as_owner,  # type: ignore[call-overload]
            )
        deadline = time.monotonic() + START_S
        while self._status() != "ready":
            if self._server.poll() is not None or time.monotonic() > deadline:
                raise AssertionError((self.folder / "log").read_text()[-2000:])
            time.sleep(0.01)

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """End every session and the server; SIGQUIT as a crash would."""
        self._server.send_signal(number)
        self._server.wait(START_S)

    def runs(self) -> bool:
        """Whether the server is there."""
        return self._server.poll() is None

    def remove(self) -> None:
        """End the server and leave nothing behind."""
        if self.runs():
            self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder)

    def fill_template(self) -> None:
        """Give every database that is wanted ``filled`` every table, made once."""
        name = self.create()

        async def migrate() -> None:
            async with opened_store(self.url(name)):
                pass

        asyncio.run(migrate())
        self._filled = name

    def create(self, *, filled: bool = False) -> str:
        """Make a database, empty or with every table; its name."""
        template = self._filled if filled else "template1"
        self._made += 1
        name = f"hotline_{self._made}"
        self.psql(f"CREATE DATABASE {name} TEMPLATE {template}", database="postgres")
        return name

    @contextmanager
    def database(self, *, filled: bool = False) -> Iterator[str]:
        """The URL of a database that is there for the length of a block."""
        name = self._free.pop() if filled and self._free else self.create(filled=filled)
        yield self.url(name)
        if not self.runs():
            self.start()
        if not filled:
            self.drop(name)
            return
        # To make a database costs a hundred times what it costs to empty one.
        self.psql(EMPTY, database=name)
        self._free.append(name)

    def drop(self, name: str) -> None:
        """Remove a database, whoever is still connected."""
        self.psql(f"DROP DATABASE {name} WITH (FORCE)", database="postgres")

    def url(self, name: str) -> str:
        """How Hookflash names a database here."""
        return f"postgres://hotline@/{name}?host={self.folder}"

    def psql(self, sql: str, *, database: str) -> list[str]:
        """What a statement gives, a line a row, with | between its columns."""
        said = self._run(
            "psql",
            *("--host", str(self.folder), "--username", "hotline", "--dbname", database),
            *("--no-psqlrc", "--tuples-only", "--no-align", "--quiet", "--command", sql),
        )
        return said.split("\n")[:-1]

    def processor_seconds(self) -> float:
        """What the server has used of the processors, with sessions that have ended."""
        first = self._server.pid
        total = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue  # it ended meanwhile
            if int(stat.parent.name) == first:
                total += sum(map(int, fields[11:15]))
            elif int(fields[1]) == first:
                total += sum(map(int, fields[11:13]))
        return total / os.sysconf("SC_CLK_TCK")

    def _status(self) -> str:
        """The last line of the server's own file, where pg_ctl reads it too."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return ""
        ours = len(lines) == 8 and lines[0] == str(self._server.pid)
        return lines[7].strip() if ours else ""

    def _run(self, program: str, *words: str) -> str:
        done = subprocess.run(
            [_program(program), *words],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if program == "psql" else subprocess.DEVNULL,
            stderr=subprocess.PIPE if program == "psql" else subprocess.STDOUT,
            text=True,
            **self._as_owner,  # type: ignore[call-overload]
        )
        assert done.returncode == 0, f"{program} {' '.join(words)}: {done.stderr}"
        return str(done.stdout or "")


def _end_with_parent() -> None:
    """Whoever kills the tests is not left with a server."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)


def _program(name: str) -> str:
    versions: Sequence[Path] = sorted(
        DEBIAN.glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3])
    )
    found = str(versions[-1]) if versions else shutil.which(name)
    assert found, f"{name} is missing: apt-get install postgresql"
    return found
