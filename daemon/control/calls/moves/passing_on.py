"""What an outgoing leg says of the call that it belongs to: identity, forwarding, hops."""

from daemon.control.calls.call import Call, Onward
from drivers.api import CallDetails, DetailedDialing, Line


def goes_round(call: Call) -> bool:
    """Whether a call went through so many exchanges that it may only be coming back to us."""
    return call.hops < 1  # ours is counted already


def details_of(call: Call, onward: Onward, *, own_number: bool) -> CallDetails:
    """What came with the incoming leg, for the leg to somebody else.

    ``own_number``: the hotline shows its own number, so nobody's privacy is at stake. A call
    that was forwarded before keeps the number called first; else that is the number the caller
    dialled, since it is us who send him on (RFC 5806, RFC 7044).
    """
    forwarded = not call.redirecting and call.direct is None and call.dnis
    return CallDetails(
        restricted=call.restricted and not own_number,
        redirecting=call.redirecting or (call.dnis if forwarded else ""),
        reason="cfu" if forwarded else call.reason,
        uui=call.uui,
        headers=call.headers,
        replaces=onward.replaces,
        referred_by=onward.referred_by,
        hops=call.hops,
    )


async def ring(line: Line, station: str, call: Call) -> None:
    """Ring a telephone inside for a call; its display is told who calls, or that he hides it."""
    if call.restricted:
        hidden = CallDetails(restricted=True)
        await dial(line, station, hidden, ani=call.ani, name=call.name)
    else:
        await line.dial(station, ani=call.ani, name=call.name)


async def dial(line: Line, number: str, details: CallDetails, *, ani: str, name: str) -> None:
    """Place a call, with all there is to say where the line can say it."""
    if isinstance(line, DetailedDialing):
        await line.dial_with(number, details, ani=ani, name=name)
    else:
        await line.dial(number, ani=ani, name=name)
