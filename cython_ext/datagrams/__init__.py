"""UDP datagrams in and out of a socket that is bound already, several in one system call.

:class:`Datagrams` does not wait: ``receive`` gives what is there, ``send`` says whether the kernel
took a datagram. Whoever owns the socket waits for it.
"""

from typing import TYPE_CHECKING

from cython_ext.implementation import PURE_PYTHON

if TYPE_CHECKING or not PURE_PYTHON:
    try:
        from cython_ext.datagrams._datagrams import Datagrams
    except ModuleNotFoundError as error:
        raise ImportError(
            "the compiled datagrams are missing: run `make build`, "
            "or set HOOKFLASH_PURE_PYTHON=1 to do without compiled kernels"
        ) from error
else:
    from cython_ext.datagrams.oracle import Datagrams

__all__ = ["Datagrams"]
