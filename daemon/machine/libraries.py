"""Libraries of the system that only some options need: libopus and libspandsp.

Without them everything else works. What is missing though options ask for it is told at the start
of media, on the system page and by ``hookflash check``, with what to do.
"""

import subprocess
import sys
from collections.abc import Iterable, Iterator
from typing import Final

from daemon.config import Config

OPUS: Final = "libopus"
SPANDSP: Final = "libspandsp"
FILES: Final = {OPUS: "libopus.so.0", SPANDSP: "libspandsp.so.2"}
"""What is loaded, by the names that are told."""

LIBRARIES: Final[dict[str, tuple[str, str]]] = {
    OPUS: (
        "Opus is to be transcoded, but libopus.so.0 cannot be loaded: calls that need it are "
        "refused. Install the package libopus0, or set transcode_opus and "
        "station_transcode_opus to false.",
        "已启用 Opus 转码，但无法加载 libopus.so.0：需要转码的通话会被拒绝。请安装软件包 libopus0，"
        "或将 transcode_opus 与 station_transcode_opus 设为 false。",
    ),
    SPANDSP: (
        "Faxes are to be taken, but libspandsp.so.2 cannot be loaded: each of them fails. "
        "Install the package libspandsp2, or set fax_terminals in [media] to 0.",
        "已启用传真，但无法加载 libspandsp.so.2：每份传真都会失败。请安装软件包 libspandsp2，"
        "或将 [media] 的 fax_terminals 设为 0。",
    ),
}
"""By name, what is missing and what to do, in English and Chinese."""

_TRY: Final = """
import ctypes, sys
for name in sys.argv[1:]:
    try:
        ctypes.CDLL(name)
    except OSError:
        print(name)
"""
PATIENCE_S: Final = 10.0


def missing_for(config: Config) -> tuple[str, ...]:
    """Names of libraries that a site's options ask for and that cannot be loaded here.

    Tried in a process of its own, so that nothing stays loaded in this one.
    """
    wanted = tuple(_asked_for(config))
    failed = _not_loaded(FILES[name] for name in wanted)
    return tuple(name for name in wanted if FILES[name] in failed)


def _asked_for(config: Config) -> Iterator[str]:
    drivers = [driver.options for driver in config.drivers]
    trunks: list[object] = [trunk for one in drivers for trunk in getattr(one, "trunks", ())]
    if any(getattr(trunk, "transcode_opus", False) for trunk in trunks) or any(
        getattr(one, "station_transcode_opus", False) for one in drivers
    ):
        yield OPUS
    if config.media.fax_terminals:
        yield SPANDSP


def _not_loaded(files: Iterable[str]) -> set[str]:
    names = list(files)
    if not names:
        return set()
    try:
        tried = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _TRY, *names],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return set()  # a machine so busy says nothing of its libraries, and audio must start
    return set(tried.stdout.split())
