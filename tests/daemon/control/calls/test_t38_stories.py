"""Random stories of T.38 in a conversation: every question has one answer, and nothing stays."""

import random

import pytest

from daemon.fax import messages as fax
from daemon.store.rows import SegmentRow
from drivers.t38 import T38Asked, T38Left, T38Told
from tests.daemon.control.calls.test_t38_changes import ELSEWHERE, TERMS, Packets
from tests.fakes.control_rig import ControlRig
from tests.fakes.sound_records import assert_sound

STEPS = 14
REFUSAL = fax.FaxRefused(code=fax.BUSY, text="no room")


class End:
    """A leg's far end, with no more than one question open at a time, as SIP has it."""

    def __init__(self, packets: Packets) -> None:
        self.packets = packets
        self.asked = 0
        self.answered = 0
        """Proposals of ours that it has answered."""

    @property
    def waits(self) -> bool:
        return self.asked > self.told

    @property
    def told(self) -> int:
        return len(self.packets.accepted) + self.packets.refused

    @property
    def is_asked(self) -> bool:
        return len(self.packets.proposed) > self.answered


@pytest.mark.parametrize("seed", range(24))
async def test_every_question_has_one_answer_and_nothing_stays(rig: ControlRig, seed: int) -> None:
    chance = random.Random(seed)
    caller, agent = await rig.connect()
    ends = End(Packets(caller)), End(Packets(agent))
    for _ in range(chance.randrange(STEPS)):
        await step(rig, chance, chance.choice(ends))
        assert all(end.told <= end.asked for end in ends)
    rig.media.faxes.refusal = None
    for end in ends:
        if end.is_asked and chance.random() < 0.5:
            await answer(rig, chance, end)
    for end in ends if chance.random() < 0.5 else ends[::-1]:
        if end.is_asked:
            rig.driver.emit(T38Told(line=end.packets.line.id, terms=None, over=True))
            end.answered += 1
        await rig.hang_up(end.packets.line)
    await rig.settle()
    assert [end.told for end in ends] == [end.asked for end in ends]
    faxes = rig.media.faxes
    assert faxes.sockets == faxes.passed_on.keys() == faxes.running.keys() == set()
    segments = [row for row in rig.book.newest(SegmentRow) if row.kind == "t38"]
    assert all(row.result in ("gateway", "passed_on", "fax_failed") for row in segments)
    assert_sound(rig)


async def step(rig: ControlRig, chance: random.Random, end: End) -> None:
    line = end.packets.line
    match chance.randrange(8):
        case 0 | 1 | 2:
            # Whoever has our re-INVITE open has 491 for an answer to his.
            if not end.waits and not end.is_asked:
                end.asked += 1
                rig.driver.emit(T38Asked(line=line.id, terms=TERMS))
        case 3 | 4:
            if end.is_asked:
                await answer(rig, chance, end)
        case 5:
            if not end.waits and not end.is_asked:
                rig.driver.emit(T38Left(line=line.id))
        case 6:
            rig.media.faxes.refusal = None if rig.media.faxes.refusal else REFUSAL
        case 7:
            rig.media.faxes.restart()
            rig.media.restart()
    await rig.settle()


async def answer(rig: ControlRig, chance: random.Random, end: End) -> None:
    end.answered += 1
    await end.packets.answer(rig, chance.choice((ELSEWHERE, None)))
