"""The site directory: everything that makes one hotline, and where each thing lies in it.

Sockets are in ``run_dir``, never below the site: the path of a Unix socket stops at 108
bytes (unix(7)), and a site may lie on a file system that cannot hold sockets.
"""

import hashlib
import os
import re
import stat
import tempfile
from pathlib import Path
from typing import Final

from daemon.config import FILE, Config, load_config
from daemon.errors import CommandError, ConfigError, Fault
from daemon.language import pick

SYSTEM_RUN_DIR: Final = Path("/run/hookflash")
SOCKET_PATH_LIMIT: Final = 107  # bytes, sockaddr_un without the final zero
LONGEST_SOCKET: Final = "control.sock.12345"
FOLDERS: Final = (
    "flows",
    "prompts",
    "cache/prompts",
    "recordings",
    "voicemail",
    "faxes",
    "incoming",
    "journal",
    "spill",
    "keys",
)


class SiteDirectory:
    """Paths and configuration of one site."""

    def __init__(self, path: Path, config: Config, run_dir: Path) -> None:
        self.path = path
        self.config = config
        self.run_dir = run_dir
        """Directory of this site's sockets and of what its processes announce."""

    @classmethod
    def open(cls, path: Path) -> "SiteDirectory":
        """Read the configuration and make the folders that are missing; ConfigError else."""
        path = path.resolve()
        config = load_config(path)
        run_dir = _run_dir(path, config)
        for folder in FOLDERS:
            (path / folder).mkdir(parents=True, exist_ok=True)
        _make_private(run_dir)
        return cls(path, config, run_dir)

    @property
    def database(self) -> Path | str:
        """The database: a file in the site, or the URL that ``[records]`` names."""
        return self.config.records.database or self.path / "hookflash.db"

    @property
    def flows(self) -> Path:
        """Drafts of the flows, one YAML file each."""
        return self.path / "flows"

    @property
    def prompts(self) -> Path:
        """Originals of recorded prompts."""
        return self.path / "prompts"

    @property
    def prompt_cache(self) -> Path:
        """Prompts in the engine's format; only the speech process writes here."""
        return self.path / "cache" / "prompts"

    @property
    def recordings(self) -> Path:
        """Recordings of calls, ``YYYY/MM/DD/<call>-<recording>.wav``; only media writes here."""
        return self.path / "recordings"

    @property
    def voicemail(self) -> Path:
        """Messages that callers left."""
        return self.path / "voicemail"

    @property
    def incoming(self) -> Path:
        """Uploads of the console, until the speech process converted them."""
        return self.path / "incoming"

    @property
    def journal(self) -> Path:
        """The journal's files."""
        return self.path / "journal"

    @property
    def spill(self) -> Path:
        """History that waits for a database that is away."""
        return self.path / "spill"

    @property
    def keys(self) -> Path:
        """Certificates and secrets of the site."""
        return self.path / "keys"

    def socket(self, name: str) -> Path:
        """Path of a socket: ``media``, ``control`` or ``speech``."""
        return self.run_dir / f"{name}.sock"

    def relative(self, path: Path) -> str:
        """A path below the site as text relative to it; ValueError when it is elsewhere."""
        return path.resolve().relative_to(self.path).as_posix()


def choose_run_dir(site: Path) -> Path:
    """The directory of a site's sockets when its configuration names none.

    ``/run/hookflash/SITE`` where systemd has made it (RuntimeDirectory= of our units), so
    that all processes of a site meet there; else one of this user's own.
    """
    own = SYSTEM_RUN_DIR / site.name
    if own.is_dir():
        return own
    # The digest keeps two sites apart whose directories have the same name.
    digest = hashlib.sha256(os.fsencode(site)).hexdigest()[:8]
    name = re.sub(r"[^A-Za-z0-9_-]", "-", site.name)[:24]
    return _parent() / f"{name}-{digest}"


def _run_dir(site: Path, config: Config) -> Path:
    chosen = Path(config.site.run_dir) if config.site.run_dir else choose_run_dir(site)
    if not chosen.is_absolute():
        raise _fault(
            pick("must be an absolute path", "必须是绝对路径"),
            pick("write one like /run/hookflash/main", "请写如 /run/hookflash/main"),
        )
    if len(os.fsencode(chosen / LONGEST_SOCKET)) > SOCKET_PATH_LIMIT:
        raise _fault(
            pick(f"{chosen} is too long for a socket", f"{chosen} 太长，无法放置套接字"),
            pick("choose a short run_dir", "请选择较短的 run_dir"),
        )
    return chosen


def _parent() -> Path:
    if os.access(SYSTEM_RUN_DIR, os.W_OK):
        return SYSTEM_RUN_DIR
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime and os.access(runtime, os.W_OK) and len(os.fsencode(runtime)) < 48:
        return Path(runtime) / "hookflash"
    return Path(tempfile.gettempdir()) / f"hookflash-{os.getuid()}"


def _make_private(path: Path) -> None:
    """Make the directory; in a public place somebody else may have made it before us."""
    for folder in (path.parent, path):
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    owner = path.stat()
    writable = owner.st_mode & stat.S_IWOTH
    if owner.st_uid not in (os.getuid(), 0) or writable:
        raise CommandError(
            pick(
                f"{path} belongs to somebody else or is writable by all",
                f"{path} 属于他人或人人可写",
            ),
            todo=pick("remove it, or set run_dir in [site]", "请删除它，或在 [site] 设置 run_dir"),
        )


def _fault(what: str, todo: str) -> ConfigError:
    return ConfigError([Fault(file=FILE, section="site", key="run_dir", what=what, todo=todo)])
