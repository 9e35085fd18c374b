"""The signalling of one call: a column for each party, an arrow for each message."""

from collections.abc import Sequence
from typing import Final

import msgspec
from sanic import Blueprint, HTTPResponse

from admin.auth import needs
from admin.context import ConsoleRequest
from admin.rendering import page
from daemon.service.errors import ServiceError
from daemon.service.messages import LadderRow

blueprint = Blueprint("ladder")

ROLES: Final = ("technician", "administrator")
COLUMN: Final = 220  # units of the drawing between two parties
MARGIN: Final = 110  # and left of the first one
LONGEST: Final = 64  # characters of what may be looked for: a Call-ID, or a number


class Arrow(msgspec.Struct, frozen=True, kw_only=True):
    """One message as it is drawn; ``tail`` and ``head`` are places from left to right."""

    at: float
    after_s: float
    """Since the message before."""
    tail: int
    head: int
    out: bool
    title: str
    tone: str
    """good, bad or plain: how the answer turned out."""
    notes: str
    text: str
    ref: str

    @property
    def middle(self) -> float:
        """Where the title stands."""
        return (self.tail + self.head) / 2

    @property
    def tip(self) -> str:
        """Points of the arrow's head."""
        back = self.head - 9 if self.head > self.tail else self.head + 9
        return f"{self.head},30 {back},25 {back},35"


class Ladder(msgspec.Struct, frozen=True, kw_only=True):
    """The drawing: parties with their places, and messages."""

    parties: tuple[tuple[str, int], ...]
    """The first is the hotline, and has no name."""
    arrows: tuple[Arrow, ...]
    width: int


@blueprint.get("/signalling")
@needs(*ROLES)
async def search(request: ConsoleRequest) -> HTTPResponse:
    """Look for a call by its number, its Call-ID or the number of a party."""
    wanted = (request.args.get("call") or "").strip()[:LONGEST]
    ladder, fault = await _ladder(request, wanted) if wanted else (None, "")
    return await page(
        request, "technician/signalling.html", wanted=wanted, ladder=ladder, fault=fault
    )


@blueprint.get("/calls/<call:str>/signalling")
@needs(*ROLES)
async def part(request: ConsoleRequest, call: str) -> HTTPResponse:
    """The drawing alone, for the page of a call."""
    ladder, fault = await _ladder(request, call)
    return await page(request, "parts/ladder.html", ladder=ladder, fault=fault)


async def _ladder(request: ConsoleRequest, wanted: str) -> tuple[Ladder | None, str]:
    """The drawing, or why there is none."""
    try:
        return draw(await request.console.service.ladder(request.actor, wanted)), ""
    except ServiceError as error:
        if error.code not in ("not-found", "unavailable"):
            raise
        return None, error.text(request.ctx.language)


def draw(rows: Sequence[LadderRow]) -> Ladder:
    """Place parties in the order in which they come; whom the first message came from is left."""
    peers = list(dict.fromkeys(row.peer for row in rows))
    left = 1 if rows and not rows[0].out else 0
    names = [*peers[:left], "", *peers[left:]]
    places = {name: MARGIN + COLUMN * index for index, name in enumerate(names)}
    arrows = []
    before = rows[0].at if rows else 0.0
    for row in rows:
        ends = places[""], places[row.peer]
        tail, head = ends if row.out else ends[::-1]
        arrows.append(
            Arrow(
                at=row.at,
                after_s=max(row.at - before, 0.0),
                tail=tail,
                head=head,
                out=row.out,
                title=row.title,
                tone=_tone(row.title),
                notes=row.notes,
                text=row.text,
                ref=row.ref,
            )
        )
        before = row.at
    return Ladder(
        parties=tuple(places.items()),
        arrows=tuple(arrows),
        width=MARGIN * 2 + COLUMN * (len(names) - 1),
    )


def _tone(title: str) -> str:
    """Answers by their class; 401 and 407 only ask for a password."""
    status = title[:3]
    if not status.isdigit() or status[0] == "1" or status in ("401", "407"):
        return "plain"
    return "good" if status[0] in "23" else "bad"
