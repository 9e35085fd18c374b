"""SIP statuses and Q.850 causes, one into the other (RFC 3398 with our own choices)."""

from typing import Final

from drivers.events import Cause

PHRASES: Final[dict[int, str]] = {
    100: "Trying", 180: "Ringing", 181: "Call Is Being Forwarded", 182: "Queued",
    183: "Session Progress", 200: "OK", 202: "Accepted", 302: "Moved Temporarily",
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 406: "Not Acceptable", 407: "Proxy Authentication Required",
    408: "Request Timeout", 410: "Gone", 413: "Request Entity Too Large",
    415: "Unsupported Media Type", 416: "Unsupported URI Scheme", 420: "Bad Extension",
    423: "Interval Too Brief", 469: "Bad Info Package", 480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist", 482: "Loop Detected", 483: "Too Many Hops",
    484: "Address Incomplete", 486: "Busy Here", 487: "Request Terminated",
    488: "Not Acceptable Here", 489: "Bad Event", 491: "Request Pending",
    500: "Server Internal Error", 501: "Not Implemented", 503: "Service Unavailable",
    504: "Server Time-out", 505: "Version Not Supported", 513: "Message Too Large",
    600: "Busy Everywhere", 603: "Decline", 604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
}  # fmt: skip
"""Reason phrases."""

_STATUSES: Final[dict[Cause, int]] = {
    Cause.UNALLOCATED: 404,
    Cause.NO_ROUTE: 404,
    Cause.NORMAL: 480,
    Cause.BUSY: 486,
    Cause.NO_USER_RESPONDING: 408,
    Cause.NO_ANSWER: 480,
    Cause.REJECTED: 603,
    Cause.ANSWERED_ELSEWHERE: 486,
    Cause.DESTINATION_OUT_OF_ORDER: 480,
    Cause.INVALID_NUMBER: 484,
    Cause.NORMAL_UNSPECIFIED: 480,
    Cause.CONGESTION: 503,
    Cause.TEMPORARY_FAILURE: 480,
    Cause.RESOURCE_UNAVAILABLE: 503,
    Cause.NOT_IMPLEMENTED: 501,
    Cause.INCOMPATIBLE: 488,
    Cause.TIMER_EXPIRED: 408,
    Cause.PROTOCOL_ERROR: 500,
    Cause.INTERWORKING: 500,
}

_CAUSES: Final[dict[int, Cause]] = {
    400: Cause.INTERWORKING,
    401: Cause.REJECTED,
    402: Cause.REJECTED,
    403: Cause.REJECTED,
    404: Cause.UNALLOCATED,
    405: Cause.NOT_IMPLEMENTED,
    406: Cause.NOT_IMPLEMENTED,
    407: Cause.REJECTED,
    408: Cause.NO_USER_RESPONDING,
    410: Cause.UNALLOCATED,
    415: Cause.INCOMPATIBLE,
    433: Cause.REJECTED,  # RFC 5079: a caller who withholds the number
    480: Cause.NO_ANSWER,
    481: Cause.TEMPORARY_FAILURE,
    482: Cause.NO_ROUTE,
    483: Cause.NO_ROUTE,
    484: Cause.INVALID_NUMBER,
    485: Cause.UNALLOCATED,
    486: Cause.BUSY,
    487: Cause.NORMAL,
    488: Cause.INCOMPATIBLE,
    500: Cause.TEMPORARY_FAILURE,
    501: Cause.NOT_IMPLEMENTED,
    503: Cause.CONGESTION,
    504: Cause.TIMER_EXPIRED,
    505: Cause.INTERWORKING,
    513: Cause.INTERWORKING,
    600: Cause.BUSY,
    603: Cause.REJECTED,
    604: Cause.UNALLOCATED,
    606: Cause.INCOMPATIBLE,
    607: Cause.REJECTED,  # RFC 8197: unwanted
    608: Cause.REJECTED,  # RFC 8688: by an analysis engine on the way
}

_NEAREST: Final[dict[int, Cause]] = {
    2: Cause.NO_ROUTE,
    20: Cause.NO_USER_RESPONDING,  # subscriber absent
    22: Cause.UNALLOCATED,  # number changed
    25: Cause.NO_ROUTE,  # exchange routing error
    29: Cause.NOT_IMPLEMENTED,  # facility rejected
    30: Cause.NORMAL,  # response to a status enquiry
    38: Cause.TEMPORARY_FAILURE,  # network out of order
    42: Cause.CONGESTION,  # switching equipment
    44: Cause.CONGESTION,  # requested circuit not available
    52: Cause.REJECTED,  # outgoing calls barred
    53: Cause.REJECTED,
    54: Cause.REJECTED,  # incoming calls barred
    55: Cause.REJECTED,
    57: Cause.REJECTED,  # bearer capability not authorised
    58: Cause.RESOURCE_UNAVAILABLE,  # bearer capability not available now
    65: Cause.INCOMPATIBLE,  # bearer capability not implemented
    70: Cause.INCOMPATIBLE,
    87: Cause.REJECTED,  # not a member of the closed user group
}
"""Causes of Q.850 that we have no name for, as the status of RFC 3398 7.2.4.1 reads them."""

_CLASSES: Final[tuple[Cause, ...]] = (
    Cause.NORMAL_UNSPECIFIED,
    Cause.NORMAL_UNSPECIFIED,
    Cause.RESOURCE_UNAVAILABLE,
    Cause.NOT_IMPLEMENTED,
    Cause.NOT_IMPLEMENTED,
    Cause.PROTOCOL_ERROR,
    Cause.PROTOCOL_ERROR,
    Cause.INTERWORKING,
)
"""What any other number means: the unspecified cause of its class of 16 (Q.850 2.2.5)."""
_NAMED: Final[dict[int, Cause]] = {int(cause): cause for cause in Cause}


def phrase(status: int) -> str:
    """The reason phrase of a status, also for one not in our table."""
    return PHRASES.get(status, "Unknown")


def status_for(cause: Cause) -> int:
    """The final response that refuses a call for this cause."""
    return _STATUSES.get(cause, 480)


def cause_for(status: int) -> Cause:
    """Why a call failed, from its final response."""
    if status < 400:
        return Cause.NO_ROUTE  # redirections are not followed
    found = _CAUSES.get(status)
    if found is None:
        found = Cause.INTERWORKING if status < 500 else Cause.TEMPORARY_FAILURE
    return found


def reason_values(cause: Cause) -> str:
    """The Reason header of a BYE (RFC 3326)."""
    return f"Q.850;cause={int(cause)}"


def cause_from_reason(values: list[str]) -> Cause | None:
    """The Q.850 cause in Reason headers; None when there is no usable one."""
    for value in values:
        protocol, _, rest = value.partition(";")
        if protocol.strip().upper() != "Q.850":
            continue
        for parameter in rest.split(";"):
            name, _, number = parameter.partition("=")
            number = number.strip()
            if name.strip().lower() == "cause" and number.isascii() and number.isdigit():
                return cause_of_q850(int(number[:4]))
    return None


def cause_of_q850(number: int) -> Cause:
    """Our cause for any number of Q.850, the nearest one for those without a name here."""
    found = _NAMED.get(number) or _NEAREST.get(number)
    if found is None:
        found = _CLASSES[number // 16] if number < 128 else Cause.NORMAL_UNSPECIFIED
    return found
