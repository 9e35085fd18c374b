"""The facade's look into the past: earlier calls, decisions, dispositions, heard messages."""

from collections.abc import Callable, Sequence

import structlog

from acd_core.agent import AgentState
from acd_core.errors import AcdError
from acd_core.ids import AgentId, to_text
from acd_core.reasons import STATES, Group, Reason, explain, unpack
from acd_core.routing.registry import strategies
from daemon.control.controller import Controller
from daemon.control.facade.directory import Directory
from daemon.control.facade.supervision import call_id
from daemon.service.errors import ServiceError
from daemon.service.messages import Candidate, Decision, PastCall, RecordsCheck, Text
from daemon.site_directory import SiteDirectory
from daemon.store.history import Call, Recording, Segment
from daemon.store.identity import check_identity
from daemon.store.rows import milliseconds

log = structlog.get_logger()

CARD_CALLS = 5


class HistoryFacade:
    """What people ask about calls that are over."""

    def __init__(
        self, controller: Controller, site: SiteDirectory, clock: Callable[[], float]
    ) -> None:
        self._controller = controller
        self._site = site
        self._clock = clock

    async def past_calls(self, ani: str) -> tuple[int, Sequence[PastCall]]:
        """How often a number called before, and its newest calls."""
        if not ani:
            return 0, ()
        earlier = Call.filter(ani=ani, ended_ms__not_isnull=True)
        newest = await earlier.order_by("-started_ms").limit(CARD_CALLS)
        directory = self._controller.directory
        return await earlier.count(), [_past(call, directory) for call in newest]

    async def why(self, call: str) -> Sequence[Decision]:
        """Each decision made about a call, oldest first."""
        number = call_id(call)
        rings = await Segment.filter(call_id=number, kind="ring").order_by("started_ms")
        told = [
            (row.started_ms / 1000, row.queue_id or 0, row.detail.get("reasons"))
            for row in rings
            if row.ended_ms is not None
        ]
        life = self._controller.calls.get(number)
        if life is not None:
            told += [
                (ring.started, ring.queue, list(life.offering.reasons(ring.agent)))
                for ring in life.call.segments.values()
                if ring.kind == "ring"
            ]
        if life is None and not rings and not await Call.exists(id=number):
            raise ServiceError("not-found", f"There is no call {call}.", f"没有通话 {call}。")
        return [
            self._decision(at, queue, tuple(int(n) for n in numbers))
            for at, queue, numbers in told
            if isinstance(numbers, list)
        ]

    def _decision(self, at: float, queue: int, numbers: tuple[int, ...]) -> Decision:
        directory = self._controller.directory
        rule, version, tie = "", 0, ""
        candidates: list[Candidate] = []
        chosen = ""
        try:
            for reason, values in unpack(numbers):
                match reason:
                    case Reason.RULE:
                        rule, version = _rule_name(values[0]), values[1]
                    case Reason.CHOSEN:
                        chosen = _login(directory, values[0])
                        candidates.append(Candidate(agent=chosen, chosen=True, score=values[1]))
                    case Reason.RUNNER_UP:
                        login = _login(directory, values[0])
                        candidates.append(Candidate(agent=login, chosen=False, score=values[1]))
                    case Reason.TIE_BREAK:
                        tie = Group(values[0]).name.lower()
                    case Reason.LAST_AGENT | Reason.NAMED_AGENT:
                        chosen = _login(directory, values[0])
                        rule = reason.name.lower()
                        candidates.append(Candidate(agent=chosen, chosen=True))
                    case Reason.NOT_SKILLED:
                        candidates += _filtered(directory, values[1:], "skill")
                    case Reason.NOT_READY:
                        state = str(AgentState(STATES[values[0]]))
                        candidates += _filtered(directory, values[2:], state)
                    case _:
                        pass
        except (AcdError, IndexError, ValueError) as error:
            log.warning("reasons of an offer not understood", why=str(error))
        info = directory.queue(queue)
        return Decision(
            at=at,
            queue=info.slug if info is not None else "",
            agent=chosen,
            rule=rule,
            rule_version=version,
            tie_break=tie,
            candidates=tuple(candidates),
            words=_words(numbers, directory),
        )

    async def set_disposition(self, login: str, call: str, disposition: str, note: str) -> None:
        """How the call ended, as the agent says."""
        number = call_id(call)
        agent = self._controller.directory.agent_by_login(login)
        life = self._controller.calls.get(number)
        if life is not None and agent is not None and life.call.agent == agent.key:
            life.call.disposition = disposition[:64]
            if note:
                life.call.data["note"] = note
            self._controller.keep(life.call)
            return
        row = await Call.get_or_none(id=number) if life is None else None
        if row is None or agent is None or row.agent_id != agent.key:
            raise ServiceError("not-found", "This is not your call.", "这不是您的通话。")
        row.disposition = disposition[:64]
        if note:
            row.data = {**row.data, "note": note}
        await row.save(update_fields=["disposition", "data"])

    async def recording_played(self, recording: str) -> None:
        """A message counts as heard; the lamp goes out with the last one of its mailbox."""
        row = await Recording.get_or_none(id=call_id(recording))
        if row is None:
            raise ServiceError("not-found", "There is no such recording.", "没有这个录音。")
        if row.kind != "message" or row.heard_ms is not None:
            return
        row.heard_ms = milliseconds(self._clock())
        await row.save(update_fields=["heard_ms"])
        await self._darken(row.mailbox)

    async def _darken(self, mailbox: str) -> None:
        """Let a mailbox's lamp go out when nothing in it is new."""
        await self._controller.mailboxes.darken(mailbox)

    async def hold_recording(self, recording: str, *, on: bool) -> None:
        """Keep a recording however old it gets, or no longer."""
        row = await Recording.get_or_none(id=call_id(recording))
        if row is None:
            raise ServiceError("not-found", "There is no such recording.", "没有这个录音。")
        if row.deleted_ms is not None or row.ended_ms is None:
            en = "Only a recording that is complete and not deleted can be held."
            raise ServiceError("wrong-state", en, "只能保留已完成且未删除的录音。")
        row.held_ms = milliseconds(self._clock()) if on else None
        await row.save(update_fields=["held_ms"])

    async def recording_deleted(self, row: Recording) -> None:
        """A recording was deleted: a new message that is gone lights no lamp."""
        if row.kind == "message" and row.heard_ms is None:
            await self._darken(row.mailbox)

    async def check_records(self) -> RecordsCheck:
        """Compare records, segments and counters."""
        report = await check_identity(self._site.path)
        return RecordsCheck(
            at=self._clock(),
            ok=not report.faults,
            calls=report.calls,
            visits=report.visits,
            faults=tuple(str(fault) for fault in report.faults),
        )


def _past(call: Call, directory: Directory) -> PastCall:
    queue = directory.queue(call.queue_id or 0)
    agent = directory.agent(call.agent_id or 0)
    talked = (call.ended_ms or 0) - (call.answered_ms or call.ended_ms or 0)
    return PastCall(
        call=to_text(call.id),
        started=call.started_ms / 1000,
        ani=call.ani,
        queue=queue.slug if queue is not None else "",
        agent=agent.login if agent is not None else "",
        outcome=call.outcome,
        talk_s=talked / 1000,
    )


def _filtered(directory: Directory, agents: Sequence[int], why: str) -> list[Candidate]:
    return [
        Candidate(agent=_login(directory, key), chosen=False, filtered_by=why) for key in agents
    ]


def _login(directory: Directory, key: int) -> str:
    agent = directory.agent(key)
    return agent.login if agent is not None else str(key)


def _words(numbers: tuple[int, ...], directory: Directory) -> tuple[Text, ...]:
    def name(agent: AgentId) -> str:
        return _login(directory, agent)

    try:
        pairs = zip(explain(numbers, "en", name), explain(numbers, "zh", name), strict=True)
        return tuple(Text(en, zh) for en, zh in pairs)
    except AcdError:
        return ()  # told in the log where the candidates are read


def _rule_name(number: int) -> str:
    return next((name for name, rule in strategies().items() if rule.number == number), str(number))
