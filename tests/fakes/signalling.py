"""The messages of a call between a carrier, the hotline and an agent's telephone."""

from collections.abc import Sequence

from daemon.service.errors import ServiceError
from daemon.service.messages import LadderRow

CARRIER, PHONE = "udp 192.0.2.9:5060", "tls 192.0.2.40:5061"
_SCRIPT = (
    (0.0, False, CARRIER, "INVITE", "1 INVITE, SDP"),
    (0.004, True, CARRIER, "180 Ringing", "1 INVITE"),
    (3.2, True, PHONE, "INVITE", "1 INVITE, SDP"),
    (3.21, False, PHONE, "180 Ringing", "1 INVITE"),
    (9.02, False, PHONE, "200 OK", "1 INVITE, SDP"),
    (9.021, True, PHONE, "ACK", "1 ACK"),
    (9.05, True, CARRIER, "200 OK", "1 INVITE, SDP"),
    (9.09, False, CARRIER, "ACK", "1 ACK"),
    (61.0, False, CARRIER, "BYE", "2 BYE, Reason: Q.850;cause=16"),
    (61.001, True, CARRIER, "200 OK", "2 BYE"),
    (61.002, True, PHONE, "BYE", "2 BYE"),
    (61.05, False, PHONE, "481 Call/Transaction Does Not Exist", "2 BYE"),
)


def sample_ladder(call: str, at: float) -> Sequence[LadderRow]:
    """A whole call; not-found for one that is called ``nobody``."""
    if call == "nobody":
        raise ServiceError("not-found", "No message of such a call is kept.", "没有保留消息。")
    return [
        LadderRow(
            at=at + after,
            out=out,
            peer=peer,
            ref=f"ref-{peer.split()[0]}",
            title=title,
            notes=notes,
            text=f"{title} <sip:{call}@hotline>\r\nAuthorization: Digest response=****\r\n\r\n",
        )
        for after, out, peer, title, notes in _SCRIPT
    ]
