"""A process that holds the program ready, and children of it, one after the other, that run it.

Loading the program takes control four fifths of a start. Who is killed in the middle of calls
has to be back before callers give up: his parent has all modules, and a child begins with them
at once. Memory that neither writes is there once.
"""

import ctypes
import gc
import os
import signal
import time
from collections.abc import Callable
from typing import Final

import structlog

from daemon.readiness import notify

log = structlog.get_logger()

STEADY: Final = 5.0  # s that a child must live for another to follow at once
PASSED_ON: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
PR_SET_PDEATHSIG: Final = 1  # prctl(2)
_WATCHED: Final = frozenset({signal.SIGCHLD, *PASSED_ON})


def run_in_fresh_workers(work: Callable[[], int], *, steady_s: float = STEADY) -> int:
    """Run ``work`` in a child, and in another when that one is killed or fails; its exit code.

    A child that ends orderly ends this. One that fails before ``steady_s`` does as well, and the
    second in a row that is killed so early: to wait longer and longer is the business of who
    started us. In the child this returns what ``work`` does. Signals that end or reload are
    passed on. Call it before there are threads.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    gc.collect()
    # What the collector never looks at again stays shared with every child.
    gc.freeze()
    early = 0
    while True:
        began, parent = time.monotonic(), os.getpid()
        child = os.fork()
        if child == 0:
            _begin_child(parent)
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            return work()
        # Also a sign of life: the child gives the first of its own when it is ready.
        notify(f"X_WORKER={child}\nWATCHDOG=1")
        status, told = _wait(child)
        lived = time.monotonic() - began
        early = early + 1 if lived < steady_s else 0
        if told or status == 0 or (early and status > 0) or early > 1:
            return _exit_code(status, told=told)
        log.warning(
            "process ended, going on in a fresh one", status=status, lived_s=round(lived, 1)
        )


def _begin_child(parent: int) -> None:
    # Not SIGTERM: the next one must not find an old one that still writes.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
    # It is for those who can reload, and ends nobody who cannot do so yet.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _wait(child: int) -> tuple[int, bool]:
    """Wait for a child's end, passing signals on; its status, and whether it was told to end."""
    told = False
    while True:
        got = signal.sigwaitinfo(_WATCHED)
        if got.si_signo == signal.SIGCHLD:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended == child:
                return os.waitstatus_to_exitcode(status), told
            continue
        told = told or got.si_signo != signal.SIGHUP
        # What a terminal sends, it sends to the child as well.
        if got.si_code <= 0:
            os.kill(child, got.si_signo)


def _exit_code(status: int, *, told: bool) -> int:
    """Ours, from a child's: as a shell counts signals, and done when it was told to end by one."""
    if status >= 0:
        return status
    return 0 if told and -status in PASSED_ON else 128 - status
