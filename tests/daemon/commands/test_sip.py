"""``hookflash sip ladder``: the drawing."""

from daemon.commands.sip import COLUMN, draw
from daemon.service.messages import LadderRow


def row(at: float, peer: str, title: str, *, out: bool) -> LadderRow:
    return LadderRow(at=at, out=out, peer=peer, ref="c", title=title, notes="1 INVITE")


def test_each_peer_has_its_line_and_each_message_its_direction() -> None:
    text = draw(
        [
            row(1.0, "udp 192.0.2.9:5060", "INVITE", out=False),
            row(1.25, "udp 192.0.2.7:5062", "INVITE", out=True),
        ]
    )
    head, first, second = text.splitlines()
    assert head.index("192.0.2.9") < head.index("192.0.2.7")
    assert "|<-" in first
    assert "->|" in second
    assert ".250" in second
    assert second.rindex("|") - first.rindex("|") == COLUMN


def test_long_title_stays_within_its_column() -> None:
    (_, line) = draw([row(1.0, "udp h:1", "200 " + "x" * 200, out=True)]).splitlines()
    assert line.index("|  1 INVITE") < COLUMN + 20
