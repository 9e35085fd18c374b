"""The length of an IFP packet (ITU-T T.38, clause 7): what follows it is padding.

Parity is as long as the longest packet under it, so a packet made from it may end in zeros
that are not its own. No I/O.
"""

from typing import Final

HAS_FIELDS: Final = 0x80  # data-field is there
IS_DATA: Final = 0x40  # type-of-msg: t30-data, else an indicator
EXTENDED: Final = 0x20  # the value is one of later editions, and takes two octets
FIELD_HAS_DATA: Final = 0x08


def ifp_length(data: bytes) -> int | None:
    """Octets of the packet that the data begins with; None when it is none, or was cut.

    The coding is that of T38FaxVersion 0: two fields without data share an octet.
    """
    try:
        return _length(data)
    except IndexError:
        return None


def _length(data: bytes) -> int | None:
    first = data[0]
    at = 2 if first & EXTENDED else 1
    if first & IS_DATA and first & HAS_FIELDS:
        count, at = data[at], at + 1
        if count & 0x80:
            return None  # more fields than a packet of a fax has
        half = False
        for _ in range(count):
            kind = data[at] & 0x0F if half else data[at] >> 4
            if half or kind & FIELD_HAS_DATA:
                at, half = at + 1, False
            else:
                half = True
            if kind & FIELD_HAS_DATA:
                at += 3 + (data[at] << 8 | data[at + 1])
        at += half
    return at if at <= len(data) else None
