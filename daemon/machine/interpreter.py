"""Whether the Python that runs was compiled to be fast, as far as it says so itself.

Only what is certain is told: a debug build, or a compiler that was told not to optimise. That
profiles were used as well cannot be known, because Debian does so without a trace in the options.
"""

import sysconfig
from collections.abc import Callable
from typing import Final

UNOPTIMISED: Final = ("-O0", "-Og")


def why_slow(variable: Callable[[str], object] = sysconfig.get_config_var) -> str:
    """What makes this Python slower than it need be; empty when nothing is known."""
    if variable("Py_DEBUG"):
        return "--with-pydebug"
    flags = str(variable("CFLAGS") or "").split()
    levels = [flag for flag in flags if flag.startswith("-O")]
    # The compiler goes by the last one.
    return levels[-1] if levels and levels[-1] in UNOPTIMISED else ""
