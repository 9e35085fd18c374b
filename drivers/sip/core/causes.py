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
    403: Cause.REJECTED,
    404: Cause.UNALLOCATED,
    407: Cause.REJECTED,
    408: Cause.NO_USER_RESPONDING,
    410: Cause.UNALLOCATED,
    415: Cause.INCOMPATIBLE,
    480: Cause.NO_ANSWER,
    481: Cause.TEMPORARY_FAILURE,
    484: Cause.INVALID_NUMBER,
    486: Cause.BUSY,
    487: Cause.NORMAL,
    488: Cause.INCOMPATIBLE,
    500: Cause.TEMPORARY_FAILURE,
    501: Cause.NOT_IMPLEMENTED,
    503: Cause.CONGESTION,
    504: Cause.TIMER_EXPIRED,
    600: Cause.BUSY,
    603: Cause.REJECTED,
    604: Cause.UNALLOCATED,
    606: Cause.INCOMPATIBLE,
}


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
                try:
                    return Cause(int(number[:4]))
                except ValueError:
                    return Cause.NORMAL_UNSPECIFIED
    return None
