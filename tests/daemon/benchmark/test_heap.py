"""A process says how much of its heap is in use, and not what its allocator keeps free."""

import asyncio
import sys

from daemon.benchmark.heap.counting import counted, in_use

TALKER = """
import sys
held = []
for line in sys.stdin:
    word = line.strip()
    if word == "take":
        held = [bytes(1000) for _ in range(2000)]
    elif word == "drop":
        held = []
    print(word, flush=True)
"""
TAKEN = 2_000_000  # bytes
SPARE = 200_000  # headers of the objects, and what the first answer makes


async def test_heap_in_use_grows_and_shrinks_with_what_is_held() -> None:
    with counted() as folder:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", TALKER,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        found = []
        try:
            async with asyncio.timeout(30):
                for word in ("begin", "take", "drop"):
                    process.stdin.write(f"{word}\n".encode())
                    assert (await process.stdout.readline()).strip() == word.encode()
                    found.append(await in_use(process.pid, folder))
        finally:
            process.kill()
            await process.wait()
    begun, taken, dropped = found
    assert TAKEN <= taken - begun < TAKEN + SPARE
    assert abs(dropped - begun) < SPARE
