"""The journal's records of lamps: who watches what, and where a message waits."""

import msgspec

from drivers.sip.journal.records import DialogRecord

SUBSCRIPTION_KIND = "sip.subscription"
LAMP_KIND = "sip.lamp"


class SubscriptionRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A subscription as it was renewed last; ``until`` 0 takes it out.

    NOTIFYs are not kept one by one: whoever reads this goes on with higher numbers.
    """

    dialog: DialogRecord
    package: str
    event: str
    watched: str
    until: float
    """Seconds since the epoch."""
    version: int
    """Of the last document."""
    subscriber: str = ""
    """The station that watches."""


class LampRecord(msgspec.Struct, frozen=True, array_like=True):
    """Whether a message waits for a station."""

    station: str
    lit: bool
