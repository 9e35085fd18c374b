"""The phases of a call: every one can be reached, and only the last one is a trap."""

import pytest

from daemon.control.calls.call import (
    TABLE,
    Call,
    IllegalStep,
    Leg,
    Phase,
    Step,
    decode_call,
    encode_call,
)
from drivers.api import LineId


def reachable(start: Phase) -> set[Phase]:
    found = {start}
    while True:
        further = {to for (before, _), to in TABLE.items() if before in found} - found
        if not further:
            return found
        found |= further


def test_every_phase_is_reached_from_ringing_or_dialling() -> None:
    assert reachable(Phase.RINGING) == set(Phase) - {Phase.DIALLING}
    assert reachable(Phase.DIALLING) == set(Phase) - {Phase.RINGING}


def test_only_ended_is_a_trap() -> None:
    traps = {phase for phase in Phase if not any(before is phase for before, _ in TABLE)}
    assert traps == {Phase.ENDED}
    assert all(Phase.ENDED in reachable(phase) for phase in Phase)


def test_every_step_is_used() -> None:
    assert {step for _, step in TABLE} == set(Step)


def test_talking_needs_an_offer() -> None:
    ways = {before for (before, step), to in TABLE.items() if to is Phase.TALKING}
    assert ways == {Phase.OFFERED, Phase.ON_HOLD}


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("step", Step)
def test_step_follows_the_table_or_is_refused(phase: Phase, step: Step) -> None:
    call = Call(id=1, started=0.0, caller=Leg(id=2, line=LineId("a/1")), phase=phase)
    if (phase, step) in TABLE:
        call.step(step, 5.0)
        assert (call.phase, call.since) == (TABLE[phase, step], 5.0)
    else:
        with pytest.raises(IllegalStep):
            call.step(step, 5.0)
        assert (call.phase, call.since) == (phase, 0.0)


def test_call_survives_its_encoding() -> None:
    call = Call(id=1, started=0.5, caller=Leg(id=2, line=LineId("a/1")), inputs=[b"x"])
    assert decode_call(encode_call(call)) == call
