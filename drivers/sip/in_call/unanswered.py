"""INVITEs of ours without a final response, over a restart: their telephones still ring.

The core that sent such an INVITE is gone and with it what the call was for, so the one that
reads the journal withdraws it: CANCEL with the same Via, Call-ID, From and number (RFC 3261
9.1). From there on it is a call like any other that was given up: a refusal gets its ACK, and a
200 that crosses gets its ACK and a BYE.
"""

from drivers.api import CallDetails
from drivers.events import Cause
from drivers.sip.core.call import Call, CallState, TimerUser
from drivers.sip.journal.records import InviteRecord, Peer
from drivers.sip.transport.address import Address


def invite_record(call: Call, address: Address) -> InviteRecord:
    """The INVITE of a call that went to ``address``."""
    return InviteRecord(
        tag=call.local_tag,
        call_id=call.ref,
        cseq=call.cseq,
        via=call.via,
        local=call.from_value,
        uri=call.uri,
        peer=call.peer.name,
        is_station=call.peer.is_station,
        address=address,
        routes=tuple(value for _, value in call.routes),
        hops=70 if call.details is None else call.details.hops,
        elsewhere=call.cancel_reason is Cause.ANSWERED_ELSEWHERE,
    )


def given_up(record: InviteRecord, owner: TimerUser) -> Call:
    """The call of a journaled INVITE, given up; nobody is to be told of it any more."""
    peer = Peer(record.peer, record.is_station, ())
    call = Call(owner, inbound=False, ref=record.call_id, local_tag=record.tag, peer=peer)
    call.state = CallState.CANCELLING
    call.reported = True
    call.cancel_reason = Cause.ANSWERED_ELSEWHERE if record.elsewhere else Cause.NORMAL
    call.uri, call.address = record.uri, record.address
    call.cseq, call.via, call.from_value = record.cseq, record.via, record.local
    call.routes = [("Route", value) for value in record.routes]
    if record.hops != 70:
        call.details = CallDetails(hops=record.hops)
    return call
