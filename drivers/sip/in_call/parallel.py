"""Several phones of one station that ring for one call; the first to answer has it."""

from drivers.sip.core.call import Call


class Parallel:
    """The phones that ring."""

    __slots__ = ("lead", "members")

    def __init__(self, lead: Call) -> None:
        self.lead = lead
        """The call that the driver knows until one of them answers."""
        self.members: list[Call] = []
