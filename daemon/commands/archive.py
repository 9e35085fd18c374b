"""``hookflash archive SITE``: old recordings as FLAC, proved before the WAV file goes."""

import argparse
import fcntl
import os
import sys
import time
from pathlib import Path
from typing import Final, TextIO

from daemon.command_line import add_json, command, site_path
from daemon.errors import CommandError
from daemon.language import pick

DEFAULT_H: Final = 24.0
LOWEST: Final = 19
"""Niceness: calls come first."""
_IDLE: Final = 3 << 13
"""ioprio_set(2): IOPRIO_CLASS_IDLE."""
_IOPRIO_SET: Final = {"x86_64": 251, "aarch64": 30}
BUSY: Final = 1


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--older-than-h",
        type=float,
        default=DEFAULT_H,
        metavar="HOURS",
        help=pick(
            "only recordings that ended this long ago (at least 1; 24 without it)",
            "仅处理结束已满此小时数的录音（至少 1，默认 24）",
        ),
    )
    parser.add_argument(
        "--undo",
        action="store_true",
        help=pick("make WAV files of FLAC files again", "将 FLAC 文件还原为 WAV"),
    )
    add_json(parser)


@command(
    "archive",
    "Keep old recordings as FLAC, in half the room",
    "将旧录音转为 FLAC，约省一半空间",
    site="argument",
    arguments=_arguments,
)
def archive(arguments: argparse.Namespace) -> int:
    """Exit 1 when a file stays as it is because of a fault; the others are done."""
    import msgspec

    from daemon.recordings import flac
    from daemon.recordings.archive import YOUNGEST_H, old_recordings
    from daemon.recordings.archive import archive as change_all
    from daemon.site_directory import SiteDirectory

    site = SiteDirectory.open(site_path(arguments))
    folder = site.path / "recordings"
    with _alone(site.path):
        _behind_everything()
        age_s = max(arguments.older_than_h, YOUNGEST_H) * 3600
        suffix, change = (flac.SUFFIX, flac.unpack) if arguments.undo else (".wav", flac.pack)
        paths = list(old_recordings(folder, suffix, time.time() - age_s))
        progress = _Progress(len(paths), sys.stderr)
        result = change_all(paths, change, progress.done)
        progress.end()
    if arguments.json:
        sys.stdout.write(msgspec.json.encode(result).decode() + "\n")
    else:
        for fault in result.faults:
            sys.stderr.write(f"hookflash: {fault}\n")
        before, after = result.before / 1e6, result.after / 1e6
        sys.stdout.write(
            pick(
                f"{result.files} recordings: {before:.1f} MB before, {after:.1f} MB now\n",
                f"{result.files} 个录音：原 {before:.1f} MB，现 {after:.1f} MB\n",
            )
        )
    return 1 if result.faults else 0


def _alone(site: Path) -> TextIO:
    """A lock until it is closed: two at the same files would lose one."""
    lock = (site / "recordings" / ".archive.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise CommandError(
            pick("recordings are being archived already", "已有一个归档正在进行"), exit_code=BUSY
        ) from error
    return lock


def _behind_everything() -> None:
    """Run when nobody else wants the processor, and read when nobody else reads."""
    import ctypes

    os.nice(LOWEST)
    number = _IOPRIO_SET.get(os.uname().machine)
    if number is not None:
        ctypes.CDLL(None, use_errno=True).syscall(number, 1, 0, _IDLE)


class _Progress:
    """A line on a terminal, and nothing in a file."""

    def __init__(self, count: int, out: TextIO) -> None:
        self._count = count
        self._out = out
        self._shows = out.isatty() and count > 0

    def done(self, number: int, path: Path) -> None:
        """One file is finished."""
        if self._shows:
            self._out.write(f"\r{number}/{self._count} {path.name}\033[K")
            self._out.flush()

    def end(self) -> None:
        """Nothing more comes."""
        if self._shows:
            self._out.write("\r\033[K")
