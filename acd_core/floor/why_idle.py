"""Why an agent gets no calls: sentences in English and Chinese from the floor as it is now."""

from collections.abc import Sequence
from typing import Final

import msgspec

from acd_core.agent import AgentState, Medium, PauseReason
from acd_core.eligibility.standing import Standing
from acd_core.ids import AgentId
from acd_core.snapshot import AgentView, QueueView

NAMED: Final = 5
"""So many others are named; the rest is counted."""


class Said(msgspec.Struct, frozen=True):
    """One sentence in both languages."""

    en: str
    zh: str


class Lack(msgspec.Struct, frozen=True):
    """A skill that a queue wants and the agent has not, or not well enough."""

    skill: str
    needed: int
    has: int
    """0 when the agent has not got it at all."""


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """One queue as seen from the agent."""

    view: QueueView
    name: str
    lacks: tuple[Lack, ...] = ()
    """Empty for a queue that the agent serves."""
    unmet: str = ""
    """The queue's skill expression, when the agent does not satisfy it."""
    others: tuple[AgentView, ...] = ()
    """Everybody else who serves it."""
    standing: Standing | None = None
    """What keeps the agent from it, or puts it behind others, beside skills."""

    @property
    def barred(self) -> bool:
        """Whether the agent gets none of its callers as things are."""
        standing = self.standing
        if self.lacks or self.unmet:
            return True
        return standing is not None and (
            not standing.member or standing.in_reserve or not standing.served
        )


def why_idle(agent: AgentView, queues: Sequence[Served], now: float) -> tuple[Said, ...]:
    """Say what keeps calls from an agent, the most telling first."""
    said = [_state(agent, now)]
    if agent.next_reason:
        said.append(
            Said(
                f"a pause is waiting for the end of the present work: {agent.next_reason}",
                f"当前工作结束后将暂停：{agent.next_reason}",
            )
        )
    if agent.misses:
        said.append(
            Said(f"missed {agent.misses} offers in a row", f"连续错过 {agent.misses} 次派送")
        )
    served = [queue for queue in queues if not queue.barred]
    for queue in queues:
        said += _lacks(queue)
        if queue.standing is not None:
            said += _barred(queue.name, queue.standing)
    if not served:
        said.append(Said("serves no queue", "没有可服务的队列"))
    for queue in served:
        said += _callers(agent, queue)
        if queue.standing is not None:
            said += _behind(agent, queue.name, queue.standing)
        if agent.state is AgentState.READY:
            said += _longer_idle(agent, queue)
    return tuple(said)


def _state(agent: AgentView, now: float) -> Said:
    lasts = _time(max(now - agent.since, 0.0))
    until = _time(max(agent.until - now, 0.0)) if agent.until is not None else ""
    match agent.state:
        case AgentState.READY:
            return Said(f"ready for {lasts}", f"已就绪 {lasts}")
        case AgentState.LOGGED_OUT:
            return Said(f"logged out for {lasts}", f"已退出 {lasts}")
        case AgentState.PAUSED:
            return _pause(agent, lasts, until)
        case AgentState.WRAP_UP:
            left = Said(f", {until} left", f"，还剩 {until}") if until else Said("", "")
            return Said(f"after-call work for {lasts}{left.en}", f"话后处理 {lasts}{left.zh}")
        case AgentState.UNREACHABLE:
            return Said(
                f"station {agent.station} does not answer for {lasts}: "
                "unplugged, not registered or out of service",
                f"座机 {agent.station} 已 {lasts} 无响应：未插线、未注册或停用",
            )
        case AgentState.BUSY:
            if agent.contacts:
                had = len(agent.contacts)
                return Said(
                    f"as many contacts as there is room for, {had}, for {lasts}",
                    f"会话已满（{had} 个），已 {lasts}",
                )
            return Said(
                f"in a call that no queue gave for {lasts}", f"正在进行非队列通话，已 {lasts}"
            )
        case AgentState.RESERVED | AgentState.RINGING:
            return Said(f"a call is offered for {lasts}", f"正在派送来电，已 {lasts}")
        case AgentState.TALKING | AgentState.ON_HOLD:
            return Said(f"in a call for {lasts}", f"通话中，已 {lasts}")


def _pause(agent: AgentView, lasts: str, until: str) -> Said:
    match agent.reason:
        case PauseReason.LOGIN:
            return Said(f"logged in {lasts} ago and not ready yet", f"{lasts}前登录，尚未置为就绪")
        case PauseReason.RONA:
            why = Said("the station rang and nobody answered", "座机振铃无人接听")
        case PauseReason.DECLINED:
            why = Said("offers were turned down", "拒绝了派送")
        case reason:
            why = Said(reason, reason)
    ends = Said(f", {until} left", f"，还剩 {until}") if until else Said("", "")
    return Said(f"paused for {lasts}: {why.en}{ends.en}", f"暂停 {lasts}：{why.zh}{ends.zh}")


def _lacks(queue: Served) -> list[Said]:
    unmet = Said(
        f"queue {queue.name} wants {queue.unmet}, which the agent's skills do not give",
        f"队列 {queue.name} 要求 {queue.unmet}，坐席的技能不满足",
    )
    return [unmet] * bool(queue.unmet) + [
        Said(
            f"queue {queue.name} wants {lack.skill} at level {lack.needed}, "
            + (f"the agent has level {lack.has}" if lack.has else "the agent has not got it"),
            f"队列 {queue.name} 要求 {lack.skill} 达到 {lack.needed} 级，"
            + (f"坐席为 {lack.has} 级" if lack.has else "坐席没有该技能"),
        )
        for lack in queue.lacks
    ]


_MEDIA_EN: Final = {Medium.CALL: "calls", Medium.CHAT: "chats", Medium.MAIL: "mails"}
_MEDIA_ZH: Final = {Medium.CALL: "来电", Medium.CHAT: "在线会话", Medium.MAIL: "邮件"}


def _barred(name: str, standing: Standing) -> list[Said]:
    """Why none of a queue's callers come, though the skills would do."""
    if not standing.member:
        return [
            Said(
                f"queue {name}: the agent serves other queues only",
                f"队列 {name}：坐席只服务其他队列",
            )
        ]
    if not standing.served:
        return [
            Said(
                f"queue {name}: the agent has no capacity for {_MEDIA_EN[standing.medium]}",
                f"队列 {name}：坐席不受理{_MEDIA_ZH[standing.medium]}",
            )
        ]
    if standing.in_reserve:
        return [
            Said(
                f"queue {name}: the agent is in reserve, and the queue is within its limits",
                f"队列 {name}：坐席为后备，队列未超出限值",
            )
        ]
    return []


def _behind(agent: AgentView, name: str, standing: Standing) -> list[Said]:
    """What leaves a queue's callers to others, or puts them behind those of other queues."""
    said = []
    if agent.state in (AgentState.READY, AgentState.BUSY) and not standing.room:
        had = len(agent.contacts)
        said.append(
            Said(
                f"queue {name}: no room for one more, the agent has {had} contacts",
                f"队列 {name}：坐席已有 {had} 个会话，无余量",
            )
        )
    if standing.of_places and standing.place != 1:
        said.append(_place(name, standing))
    if standing.apart:
        said.append(
            Said(
                f"queue {name}: {standing.apart} of them wait for agents of their green channel alone",
                f"队列 {name}：其中 {standing.apart} 人在绿色通道中只等专属坐席",
            )
        )
    return said


def _place(name: str, standing: Standing) -> Said:
    if standing.place:
        return Said(
            f"queue {name}: place {standing.place} of {standing.of_places} in the agent's own order",
            f"队列 {name}：坐席自定顺序中排第 {standing.place} 位，共 {standing.of_places} 位",
        )
    return Said(
        f"queue {name}: after all that the agent's own order names",
        f"队列 {name}：排在坐席自定顺序所列队列之后",
    )


def _callers(agent: AgentView, queue: Served) -> list[Said]:
    waiting = queue.view.waiting
    if not waiting:
        return [Said(f"queue {queue.name}: nobody waits", f"队列 {queue.name}：无人等候")]
    said = [
        Said(
            f"queue {queue.name}: {len(waiting)} callers wait",
            f"队列 {queue.name}：{len(waiting)} 人等候",
        )
    ]
    kept = sum(call.preferred is not None and call.preferred != agent.agent for call in waiting)
    if kept:
        said.append(
            Said(
                f"queue {queue.name}: {kept} of them wait for one agent alone",
                f"队列 {queue.name}：其中 {kept} 人只等某一位坐席",
            )
        )
    offered = sum(call.agent is not None and call.agent != agent.agent for call in waiting)
    if offered:
        said.append(
            Said(
                f"queue {queue.name}: {offered} of them ring at another agent",
                f"队列 {queue.name}：其中 {offered} 人正在向其他坐席振铃",
            )
        )
    return said


def _longer_idle(agent: AgentView, queue: Served) -> list[Said]:
    before = sorted(
        (other for other in queue.others if _idle_longer(other, agent)),
        key=lambda other: (other.since, other.agent),
    )
    if not before:
        return []
    names = [other.name or str(other.agent) for other in before[:NAMED]]
    more = len(before) - len(names)
    return [
        Said(
            f"queue {queue.name}: {len(before)} others are idle longer: {', '.join(names)}"
            + (f" and {more} more" if more else ""),
            f"队列 {queue.name}：有 {len(before)} 名坐席空闲更久：{'、'.join(names)}"
            + (f"等 {len(before)} 人" if more else ""),
        )
    ]


def _idle_longer(other: AgentView, agent: AgentView) -> bool:
    def place(view: AgentView) -> tuple[float, AgentId]:
        return (view.since, view.agent)

    return other.state is AgentState.READY and place(other) < place(agent)


def _time(seconds: float) -> str:
    """Hours, minutes and seconds as a clock writes them."""
    whole = int(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
