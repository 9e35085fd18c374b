"""Hotlines whose processes can be asked how much of their heap is in use."""

import asyncio
import contextlib
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
ANSWER_S: Final = 20.0


@contextlib.contextmanager
def counted() -> Iterator[Path]:
    """Processes that are started meanwhile count; gives the folder that ``in_use`` needs.

    Every object comes from malloc(3), in one arena, which knows what it has given out.
    """
    with tempfile.TemporaryDirectory(prefix="hookflash-heap-") as folder:
        path = os.pathsep.join(filter(None, (str(HERE), os.environ.get("PYTHONPATH", ""))))
        wanted = {
            "HOOKFLASH_HEAP_FOLDER": folder,
            "MALLOC_ARENA_MAX": "1",
            "PYTHONMALLOC": "malloc",
            "PYTHONPATH": path,
        }
        before = {name: os.environ.get(name) for name in wanted}
        os.environ.update(wanted)
        try:
            yield Path(folder)
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


async def in_use(process: int, folder: Path) -> int:
    """Bytes of its heap that a process uses; TimeoutError when it does not say."""
    path = folder / str(process)
    path.unlink(missing_ok=True)
    os.kill(process, signal.SIGUSR2)
    async with asyncio.timeout(ANSWER_S):
        while True:
            if path.exists():
                return int(path.read_text())
            await asyncio.sleep(0.05)
