"""Rights that audio is better with: real-time priority, locked memory, room in socket buffers.

Everything works without them. What is missing is told at the start of media, on the system page
and by ``hookflash check``, with what to do.
"""

import ctypes
import mmap
import os
import resource
import socket
import threading
from typing import Final

REALTIME: Final = "realtime"
LOCKED_MEMORY: Final = "locked-memory"
SOCKET_BUFFERS: Final = "socket-buffers"

RIGHTS: Final[dict[str, tuple[str, str]]] = {
    REALTIME: (
        "The audio engine has no real-time priority: under load audio may be late. "
        "Use the unit file, or LimitRTPRIO=20 and CAP_SYS_NICE.",
        "音频引擎没有实时优先级：高负载时音频可能延迟。请使用附带的单元文件，"
        "或设置 LimitRTPRIO=20 与 CAP_SYS_NICE。",
    ),
    LOCKED_MEMORY: (
        "The audio engine's memory is not locked: when the machine swaps, audio stops. "
        "Use the unit file, or LimitMEMLOCK=infinity.",
        "音频引擎的内存未锁定：系统换页时音频会中断。请使用附带的单元文件，"
        "或设置 LimitMEMLOCK=infinity。",
    ),
    SOCKET_BUFFERS: (
        "Receive buffers of sockets are small: bursts of signalling may be lost. "
        "Set net.core.rmem_max=4194304 (sysctl).",
        "套接字接收缓冲区过小：突发信令可能丢失。请设置 net.core.rmem_max=4194304 (sysctl)。",
    ),
}
"""By name, what is missing and what to do, in English and Chinese."""

PRIORITY: Final = 20
"""What the engine asks for (``cython_ext/media/engine.c``)."""
TRIED_BYTES: Final = 16 << 20
BUFFER: Final = 4 << 20
"""What the SIP driver asks for, in bytes."""
MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT = 1, 2, 4  # sys/mman.h of Linux
SO_RCVBUFFORCE: Final = 33


def lock_memory() -> bool:
    """Keep this process's memory from being swapped out, as far as it is used; whether it is.

    Only with an unlimited right: under a limit later allocations would fail instead.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if soft != resource.RLIM_INFINITY and not _capable(_CAP_IPC_LOCK):
        return False
    system = ctypes.CDLL(None, use_errno=True)
    return bool(system.mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0)


def missing_here() -> tuple[str, ...]:
    """Rights that a process started as this one would miss, found out by trying."""
    tried = {
        REALTIME: _may_be_realtime(),
        LOCKED_MEMORY: _may_lock(),
        SOCKET_BUFFERS: socket_buffer() >= BUFFER,
    }
    return tuple(name for name, granted in tried.items() if not granted)


def socket_buffer(wanted: int = BUFFER) -> int:
    """Bytes of receive buffer that a UDP socket gets who asks for ``wanted``."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as tried:
        try:
            tried.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, wanted)
        except OSError:  # not privileged: net.core.rmem_max is the most
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, wanted)
        return tried.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2


def _may_be_realtime() -> bool:
    """Try it in a thread of its own, so that nothing else runs at that priority."""
    granted = []

    def ask() -> None:
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
        except PermissionError:
            return
        granted.append(True)

    thread = threading.Thread(target=ask, name="real-time priority tried")
    thread.start()
    thread.join()
    return bool(granted)


def _may_lock() -> bool:
    soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if soft != resource.RLIM_INFINITY and not _capable(_CAP_IPC_LOCK):
        return False
    system = ctypes.CDLL(None, use_errno=True)
    with mmap.mmap(-1, TRIED_BYTES) as some:
        first = ctypes.c_char.from_buffer(some)
        locked = system.mlock(ctypes.c_void_p(ctypes.addressof(first)), TRIED_BYTES) == 0
        del first
    return bool(locked)


_CAP_IPC_LOCK: Final = 14  # linux/capability.h


def _capable(number: int) -> bool:
    """Whether a capability is effective for this process."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            found = [line for line in status if line.startswith("CapEff:")]
    except OSError:
        return False
    return bool(found) and bool(int(found[0].split()[1], 16) >> number & 1)
