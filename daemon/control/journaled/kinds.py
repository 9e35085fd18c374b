"""Kinds of the journal's records that more than one module has to know."""

from typing import Final

ACD_KIND: Final = "acd"
"""The distribution engine was told something."""
CALL_KIND: Final = "call"
"""A call as it is now."""
PAIR_KIND: Final = "calls"
"""Two calls that changed together."""
DRIVER_KIND: Final = "driver:"
"""Prefix of the kind of a driver's records; its name and its own kind follow."""
