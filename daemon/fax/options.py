"""``[fax]``: how faxes are sent, and how long they are kept."""

from typing import Annotated

import msgspec


class FaxOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[fax]``: faxes that the hotline sends, T.38, and the age at which all faxes go."""

    station: Annotated[str, msgspec.Meta(pattern="^[ -~]{0,20}$")] = ""
    """Our station identification, shown by the other machine: usually the fax number."""
    header: Annotated[str, msgspec.Meta(pattern="^[ -~]{0,50}$")] = ""
    """Printed at the top of each page sent, beside date, station and page number."""
    at_once: Annotated[int, msgspec.Meta(ge=1, le=100)] = 2
    """Faxes that are sent at the same time."""
    attempts: Annotated[int, msgspec.Meta(ge=1, le=20)] = 5
    """Calls made until a fax is given up."""
    retry_s: Annotated[float, msgspec.Meta(ge=1, le=86_400)] = 180.0
    """Seconds from an attempt that did not come through to the next one."""
    waiting: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1000
    """Faxes that may wait to be sent, or be under way; more are refused."""
    waiting_each: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 100
    """Of these, faxes that one person may have given."""
    ring_s: Annotated[float, msgspec.Meta(ge=5, le=180)] = 60.0
    """Seconds that the other side may ring."""
    keep_days: Annotated[int, msgspec.Meta(ge=0, le=36_500)] = 0
    """Days until faxes sent and received are deleted; 0: they are kept for ever."""
    t38: bool = True
    """Offer T.38 for faxes that come in over SIP, and accept it when the other side does."""
