"""Plays one seeded history of everything an engine can be told, and writes its fingerprint.

``test_compiled_engine.py`` runs it twice, compiled and plain, and ``test_reenactment.py`` replays
it from its bytes. Much of what it tells makes no sense at its moment and is refused; refusals
count as answers.
"""

import hashlib
import sys
from collections.abc import Iterator

import msgspec

from acd_core import engine
from acd_core import events as told
from acd_core.agent import AgentConfig, Medium
from acd_core.call_queue import CallerTier, CallRule, NoAgents, QueueConfig, Widening
from acd_core.commands import AcdCommand, OfferToAgent
from acd_core.errors import AcdError
from acd_core.events import AcdEvent
from acd_core.ids import AgentId, CallId, QueueId, SkillId, TierId
from acd_core.queue_life.options import Announcements, CallbackRules, Overflow
from acd_core.routing.registry import strategies
from acd_core.simulation.load import Draw
from acd_core.skills import Requirement

AGENTS, QUEUES, SKILLS, CALLS = 12, 6, 4, 900
BEGIN = 1e9


class History:
    """Draws events, tells them, and remembers every answer."""

    def __init__(self, seed: int = 7) -> None:
        self.acd = engine.AcdEngine()
        self.told: list[tuple[AcdEvent, float, tuple[AcdCommand, ...]]] = []
        """With what came of it: nothing where it was refused."""
        self.seen = hashlib.sha256()
        self.refused = self.offered = 0
        self._now = BEGIN
        self._below = Draw(seed).below
        self._strategies = sorted(strategies())

    def play(self) -> None:
        for event in self._events():
            self._now += 0.25 * self._below(4)
            commands: object
            made: tuple[AcdCommand, ...] = ()
            try:
                commands = made = self.acd.handle(event, self._now)
                self.offered += sum(isinstance(command, OfferToAgent) for command in made)
            except AcdError as error:
                self.refused += 1
                commands = str(error)
            self.told.append((event, self._now, made))
            self._keep((event, commands, self.acd.next_deadline()))
        self._keep(self.acd.snapshot(self._now))

    def _keep(self, answer: object) -> None:
        self.seen.update(msgspec.msgpack.encode(answer))

    def _events(self) -> Iterator[AcdEvent]:
        for number in range(QUEUES):
            yield self._queue(number)
        for number in range(AGENTS):
            yield self._agent(number)
            yield told.AgentLoggedIn(agent=AgentId(number), station=f"station:{number}")
            yield told.AgentReady(agent=AgentId(number))
        for call in range(CALLS):
            yield self._call(call)
            for _ in range(4):
                yield self._about_an_agent(AgentId(self._below(AGENTS)))
                yield self._about_a_call(CallId(call - self._below(30)))
                yield from self._answers()
            if self._below(20) == 0:
                yield from self._changes()
            while (due := self.acd.next_deadline()) is not None and due <= self._now:
                yield told.DeadlineReached()
        yield told.DayBegan()

    def _queue(self, number: int) -> AcdEvent:
        below = self._below
        overflow = Overflow(
            to=(QueueId((number + 1) % QUEUES), QueueId((number + 2) % QUEUES)),
            after_s=(None, 20.0)[below(2)],
            when_refused=True,
            improve_s=float(below(3)),
        )
        config = QueueConfig(
            queue=QueueId(number),
            required=(Requirement(SkillId(number % SKILLS), 1 + below(4)),),
            widening=(Widening(after_s=15.0), Widening(after_s=40.0, when_nobody=True))[: below(3)],
            strategy=self._strategies[below(len(self._strategies))],
            call_rule=list(CallRule)[below(len(CallRule))],
            call_share=1 + number,
            weight=1.0 + below(3),
            medium=(Medium.CALL, Medium.CALL, Medium.CHAT)[below(3)],
            ring_step_s=2.0,
            reserve_below=(0.0, 0.7)[below(2)],
            overflow=(overflow,)[: below(2)],
            announcements=(None, Announcements(first_s=2.0, every_s=20.0, on_progress=True))[
                below(2)
            ],
            callback=(None, CallbackRules(retry_s=20.0, grace_s=30.0))[below(2)],
            wrap_up_s=float(below(3) * 4),
            shares={AgentId(1): 1, AgentId(2): 3},
            max_waiting=(None, 9)[below(2)],
            max_wait_s=(None, 90.0)[below(2)],
            no_agents=list(NoAgents)[below(3)],
            misses_to_pause=below(3),
        )
        return told.QueueConfigured(config=config, version=1)

    def _agent(self, number: int) -> AcdEvent:
        below = self._below
        skills = {SkillId(below(SKILLS)): 1 + below(10) for _ in range(3)}
        own = {QueueId(below(QUEUES)): below(3) for _ in range(below(4))}
        chats = below(3)
        config = AgentConfig(
            agent=AgentId(number),
            skills=skills,
            reserve=tuple(sorted(skills))[: below(2)],
            queues=own,
            only_queues=bool(own) and below(4) == 0,
            capacity={Medium.CALL: 1, Medium.CHAT: chats} if chats else {},
            interruptible=(Medium.CHAT,)[: below(2)],
        )
        return told.AgentConfigured(config=config, version=1)

    def _call(self, call: int) -> AcdEvent:
        below = self._below
        return told.CallOffered(
            call=CallId(call),
            queue=QueueId(below(QUEUES)),
            priority=below(3),
            waited_s=float(below(2) * below(30)),
            preferred=(None, AgentId(below(AGENTS)))[below(5) == 0],
            preferred_limit_s=float(below(20)),
            tier=(None, TierId(1))[below(6) == 0],
            callback=(None, CallId(call - 1 - below(20)))[below(9) == 0],
        )

    def _about_an_agent(self, agent: AgentId) -> AcdEvent:
        if self._below(3) == 0:
            return told.AgentLoggedIn(agent=agent, station=f"station:{agent}")
        kinds = (
            *(told.AgentReady,) * 9,
            *(told.AgentReachable, told.AgentFree, told.WrapUpEnded),
            *(told.AgentLoggedOut, told.AgentUnreachable, told.AgentBusy),
        )
        return kinds[self._below(len(kinds))](agent=agent)

    def _about_a_call(self, call: CallId) -> AcdEvent:
        if self._below(6) == 0:
            return told.CallbackTaken(call=call, number="100")
        kinds = (
            *(told.CallEnded,) * 4,
            *(told.CallAbandoned, told.CallHeld, told.CallRetrieved),
            *(told.CallbackFailed, told.CallbackCancelled),
        )
        return kinds[self._below(len(kinds))](call=call)

    def _answers(self) -> Iterator[AcdEvent]:
        kinds = (
            *(told.OfferRinging, told.OfferAccepted, told.OfferAccepted),
            *(told.CallAnswered, told.CallAnswered, told.OfferRejected),
        )
        for record in self.acd.snapshot(self._now).agents:
            for call in (record.call, *record.contacts):
                if call is None:
                    continue
                if self._below(4) == 0:
                    yield told.CallEnded(call=call)
                else:
                    yield kinds[self._below(len(kinds))](call=call, agent=record.agent)

    def _changes(self) -> Iterator[AcdEvent]:
        agent, queue = self._below(AGENTS), self._below(QUEUES)
        yield self._agent(agent)
        yield self._queue(queue)
        yield told.AgentPaused(agent=AgentId(agent), reason="break")
        yield told.AgentLoggedIn(agent=AgentId(agent), station=f"station:{agent}")
        tier = CallerTier(tier=TierId(1), priority=1, agents=(AgentId(agent),), limit_s=5.0)
        yield told.TierConfigured(config=tier, version=1)
        unattended = self._below(4) == 0
        yield told.QueueAttended(queue=QueueId(queue), unattended=unattended, version=1)
        if self._below(5) == 0:
            yield told.QueueRemoved(queue=QueueId(queue), version=1)
            yield self._queue(queue)


if __name__ == "__main__":
    history = History()
    history.play()
    plain = str(engine.__file__).endswith(".py")
    sys.stdout.write(f"{history.seen.hexdigest()} {history.refused} {history.offered} {plain}\n")
