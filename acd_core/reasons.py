"""Why this agent and this call: compact numbers with each offer, put into words when read.

Reasons are a flat tuple of integers: a code, how many arguments follow, the arguments. They
cost little enough to be made always; names are looked up only when somebody asks.
"""

from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Final

from acd_core.agent import AgentState
from acd_core.call_queue import CallRule
from acd_core.errors import AcdError
from acd_core.ids import AgentId
from acd_core.routing.measures import Group as Group
from acd_core.routing.registry import strategies


class Reason(IntEnum):
    """What a group of numbers says; arguments in the order given."""

    RULE = 1
    """Number of the rule, its version, version of the queue's configuration."""
    WAITED = 2
    """Wait of this visit in ms, credit in ms, priority, earlier offers."""
    CHOSEN_FROM = 3
    """How many agents could have taken the call."""
    CHOSEN = 4
    """Agent, score, idle time in ms."""
    RUNNER_UP = 5
    """Agent, score, idle time in ms."""
    TIE_BREAK = 6
    """What decided between the best two, a Group."""
    LAST_AGENT = 7
    """Agent who served this caller last, wait for him in ms."""
    NAMED_AGENT = 8
    """Agent for whom the caller asked, wait for him in ms."""
    PREFERENCE_OVER = 9
    """Agent who was preferred and could not take the call."""
    NOT_SKILLED = 10
    """How many agents lack a skill or its level, and the first of them."""
    NOT_READY = 11
    """State (place in AgentState), how many fitting agents are in it, the first of them."""
    CALLS_WAITING = 12
    """How many calls waited in the queue; this one was first for the agent."""
    WIDENED = 14
    """Step of the widening that was reached, and how many there are."""
    CALL_RULE = 15
    """Place of the queue's rule in CallRule, its urgency in thousandths."""
    OWN_ORDER = 16
    """Place of the queue in the agent's own order, 0 for after all of them, how many places."""
    WEIGHT = 17
    """What a second of wait counts in the queue, in thousandths."""
    OTHER_QUEUES = 18
    """How many agents serve only other queues, and the first of them."""
    RESERVES = 19
    """Reserve agents help: service level in thousandths, wait in ms then; -1 not looked at."""
    RESERVES_HELD = 21
    """How many agents would lend a skill that was not asked for, and the first of them."""
    TIER = 22
    """Tier of the caller, priority it added, 1 while only its own agents are asked."""
    NO_ROOM = 23
    """How many ready agents had no room for the medium, and the first of them."""
    RINGS_WITH = 20
    """How many other agents ring for the call already, and the first of them."""
    MEASURED = 13
    """Agent, what the rule compares (a Group), its value; -1 for no share."""


STATES: Final = tuple(AgentState)
Name = Callable[[AgentId], str]


def unpack(reasons: tuple[int, ...]) -> Iterator[tuple[Reason, tuple[int, ...]]]:
    """Take reasons apart; raise AcdError for numbers that are none."""
    at = 0
    while at < len(reasons):
        try:
            code, count = Reason(reasons[at]), reasons[at + 1]
        except (ValueError, IndexError) as error:
            raise AcdError(f"not reasons: {reasons[at : at + 8]}") from error
        arguments = reasons[at + 2 : at + 2 + count]
        if count < LEAST_ARGUMENTS[code] or len(arguments) < count:
            raise AcdError(f"not reasons: {reasons[at : at + 8]}")
        yield code, arguments
        at += 2 + count


def explain(reasons: tuple[int, ...], language: str, name: Name) -> list[str]:
    """Put reasons into sentences, in English or (``zh``) Chinese; ``name`` names agents."""
    words = _CHINESE if language == "zh" else _ENGLISH
    return [words[code](arguments, name) for code, arguments in unpack(reasons)]


def _seconds(ms: int) -> str:
    return f"{ms / 1000:.1f}"


def _rule(number: int, *, chinese: bool) -> str:
    for rule in strategies().values():
        if rule.number == number:
            return rule.zh if chinese else rule.en
    return str(number)


def _names(agents: tuple[int, ...], count: int, name: Name, joint: str, more: str) -> str:
    """Name those who are known; the rest is only counted."""
    listed = joint.join(name(AgentId(agent)) for agent in agents)
    return f"{listed}{more}" if listed and count > len(agents) else listed


def _whom_en(agents: tuple[int, ...], count: int, name: Name) -> str:
    listed = _names(agents, count, name, ", ", " and others")
    return f" ({listed})" if listed else ""


def _whom_zh(agents: tuple[int, ...], count: int, name: Name) -> str:
    listed = _names(agents, count, name, "、", "等")
    return f"（{listed}）" if listed else ""


_STATES_EN: Final = {state: state.value.replace("_", " ") for state in AgentState}
_STATES_ZH: Final = dict(
    zip(
        AgentState,
        [
            "已退出",
            "就绪",
            "已预留",
            "振铃中",
            "通话中",
            "保持中",
            "话后处理",
            "暂停",
            "忙",
            "不可达",
        ],
        strict=True,
    )
)
_TIES_EN: Final = {
    Group.SCORE: "the skill score",
    Group.IDLE_TIME: "the longer idle time",
    Group.NUMBER: "the lower number",
    Group.LEVEL: "the best level",
    Group.OCCUPANCY: "the lower occupancy",
    Group.HANDLED: "the fewer calls answered",
    Group.SHARE: "the greater distance below the share",
    Group.TURN: "the turn",
    Group.LOT: "lot",
}
_TIES_ZH: Final = {
    Group.SCORE: "技能得分",
    Group.IDLE_TIME: "空闲时间更长",
    Group.NUMBER: "编号更小",
    Group.LEVEL: "最高技能等级",
    Group.OCCUPANCY: "占用率更低",
    Group.HANDLED: "接听更少",
    Group.SHARE: "距分配比例更远",
    Group.TURN: "轮次",
    Group.LOT: "抽签",
}

Words = dict[Reason, Callable[[tuple[int, ...], Name], str]]

LEAST_ARGUMENTS: Final = {
    Reason.RULE: 3,
    Reason.WAITED: 4,
    Reason.CHOSEN_FROM: 1,
    Reason.CHOSEN: 3,
    Reason.RUNNER_UP: 3,
    Reason.TIE_BREAK: 1,
    Reason.LAST_AGENT: 2,
    Reason.NAMED_AGENT: 2,
    Reason.PREFERENCE_OVER: 1,
    Reason.NOT_SKILLED: 1,
    Reason.NOT_READY: 2,
    Reason.CALLS_WAITING: 1,
    Reason.MEASURED: 3,
    Reason.WIDENED: 2,
    Reason.CALL_RULE: 2,
    Reason.RINGS_WITH: 1,
    Reason.OWN_ORDER: 2,
    Reason.WEIGHT: 1,
    Reason.OTHER_QUEUES: 1,
    Reason.RESERVES: 2,
    Reason.RESERVES_HELD: 1,
    Reason.TIER: 3,
    Reason.NO_ROOM: 1,
}


def _state(number: int, names: dict[AgentState, str]) -> str:
    return names[STATES[number]] if 0 <= number < len(STATES) else str(number)


_CALL_RULES_EN: Final = {rule: rule.value.replace("_", " ") for rule in CallRule}
_CALL_RULES_ZH: Final = dict(
    zip(
        CallRule,
        ["优先级", "优先级随等待上升", "最大需求", "服务目标", "服务水平保障", "按比例", "按权重"],
        strict=True,
    )
)


def _call_rule(number: int, names: dict[CallRule, str]) -> str:
    rules = list(CallRule)
    return names[rules[number]] if 0 <= number < len(rules) else str(number)


def _tie(number: int, names: dict[Group, str]) -> str:
    return names[Group(number)] if number in list(Group) else str(number)


def _measured_en(group: int, value: int) -> str:
    match group:
        case Group.LEVEL:
            return f"best level {value}"
        case Group.OCCUPANCY:
            return f"occupied {value / 10:.1f} %"
        case Group.HANDLED:
            return f"{value} calls answered"
    return "no share" if value < 0 else f"{value / 1000:.3g} calls for each part of the share"


def _measured_zh(group: int, value: int) -> str:
    match group:
        case Group.LEVEL:
            return f"最高技能等级 {value}"
        case Group.OCCUPANCY:
            return f"占用率 {value / 10:.1f}%"
        case Group.HANDLED:
            return f"已接听 {value} 个来电"
    return "未设分配比例" if value < 0 else f"每份比例已接听 {value / 1000:.3g} 个来电"


_LENT_EN: Final = ("service level {:.1f} %", "estimated wait {:.1f} s")
_LENT_ZH: Final = ("服务水平 {:.1f}%", "预计等待 {:.1f} 秒")


def _because(values: tuple[int, ...], words: tuple[str, str], frame: str, joint: str) -> str:
    """What opened a queue to reserves, as far as it was looked at."""
    parts = _parts(values)
    shown = [word.format(part) for word, part in zip(words, parts, strict=True) if part >= 0]
    return frame.format(joint.join(shown)) if shown else ""


def _parts(values: tuple[int, ...]) -> tuple[float, float]:
    level, wait = values[0], values[1]
    return (level / 10 if level >= 0 else -1, wait / 1000 if wait >= 0 else -1)


_ENGLISH: Final[Words] = {
    Reason.RULE: lambda a, n: (
        f"rule: {_rule(a[0], chinese=False)}, version {a[1]}; configuration {a[2]}"
    ),
    Reason.WAITED: lambda a, n: (
        f"the call had waited {_seconds(a[0])} s (credit {_seconds(a[1])} s), "
        f"priority {a[2]}, offered {a[3]} times before"
    ),
    Reason.CHOSEN_FROM: lambda a, n: f"{a[0]} agents could have taken it",
    Reason.CHOSEN: lambda a, n: f"{n(AgentId(a[0]))}: score {a[1]}, idle for {_seconds(a[2])} s",
    Reason.RUNNER_UP: lambda a, n: (
        f"next best {n(AgentId(a[0]))}: score {a[1]}, idle for {_seconds(a[2])} s"
    ),
    Reason.TIE_BREAK: lambda a, n: f"decided by {_tie(a[0], _TIES_EN)}",
    Reason.LAST_AGENT: lambda a, n: (
        f"{n(AgentId(a[0]))} served this caller last; waited {_seconds(a[1])} s for that agent"
    ),
    Reason.NAMED_AGENT: lambda a, n: (
        f"the caller asked for {n(AgentId(a[0]))}; waited {_seconds(a[1])} s for that agent"
    ),
    Reason.PREFERENCE_OVER: lambda a, n: f"{n(AgentId(a[0]))} was preferred and not free in time",
    Reason.NOT_SKILLED: lambda a, n: f"{a[0]} agents lack the skills{_whom_en(a[1:], a[0], n)}",
    Reason.NOT_READY: lambda a, n: (
        f"{a[1]} agents were {_state(a[0], _STATES_EN)}{_whom_en(a[2:], a[1], n)}"
    ),
    Reason.RINGS_WITH: lambda a, n: f"rings beside {a[0]} more{_whom_en(a[1:], a[0], n)}",
    Reason.OWN_ORDER: lambda a, n: (
        f"the agent's own order has the queue at place {a[0]} of {a[1]}"
        if a[0]
        else f"the agent's own order names other queues first, at {a[1]} places"
    ),
    Reason.WEIGHT: lambda a, n: f"a second of wait counts {a[0] / 1000:.3g} times",
    Reason.OTHER_QUEUES: lambda a, n: (
        f"{a[0]} agents serve other queues only{_whom_en(a[1:], a[0], n)}"
    ),
    Reason.RESERVES: lambda a, n: f"reserve agents help{_because(a, _LENT_EN, ' ({})', ', ')}",
    Reason.RESERVES_HELD: lambda a, n: f"{a[0]} agents are in reserve{_whom_en(a[1:], a[0], n)}",
    Reason.TIER: lambda a, n: (
        f"green channel, tier {a[0]}: priority {a[1]:+d}"
        + (", only its own agents were asked" if a[2] else ", open to all agents")
    ),
    Reason.NO_ROOM: lambda a, n: (
        f"{a[0]} agents had no room for one more{_whom_en(a[1:], a[0], n)}"
    ),
    Reason.CALLS_WAITING: lambda a, n: f"first of {a[0]} calls in the queue for a free agent",
    Reason.MEASURED: lambda a, n: f"{n(AgentId(a[0]))}: {_measured_en(a[1], a[2])}",
    Reason.CALL_RULE: lambda a, n: (
        f"order across queues: {_call_rule(a[0], _CALL_RULES_EN)}, urgency {a[1] / 1000:.3g}"
    ),
    Reason.WIDENED: lambda a, n: f"demands widened to step {a[0]} of {a[1]}",
}

_CHINESE: Final[Words] = {
    Reason.RULE: lambda a, n: f"规则：{_rule(a[0], chinese=True)}，版本 {a[1]}；配置版本 {a[2]}",
    Reason.WAITED: lambda a, n: (
        f"来电已等待 {_seconds(a[0])} 秒（累计 {_seconds(a[1])} 秒），优先级 {a[2]}，"
        f"此前派送 {a[3]} 次"
    ),
    Reason.CHOSEN_FROM: lambda a, n: f"{a[0]} 名坐席可以接听",
    Reason.CHOSEN: lambda a, n: f"{n(AgentId(a[0]))}：得分 {a[1]}，空闲 {_seconds(a[2])} 秒",
    Reason.RUNNER_UP: lambda a, n: (
        f"次选 {n(AgentId(a[0]))}：得分 {a[1]}，空闲 {_seconds(a[2])} 秒"
    ),
    Reason.TIE_BREAK: lambda a, n: f"由{_tie(a[0], _TIES_ZH)}决定",
    Reason.LAST_AGENT: lambda a, n: (
        f"{n(AgentId(a[0]))}上次接待过该来电者；为其等待 {_seconds(a[1])} 秒"
    ),
    Reason.NAMED_AGENT: lambda a, n: f"来电者指定{n(AgentId(a[0]))}；为其等待 {_seconds(a[1])} 秒",
    Reason.PREFERENCE_OVER: lambda a, n: f"首选{n(AgentId(a[0]))}未能及时空闲",
    Reason.NOT_SKILLED: lambda a, n: f"{a[0]} 名坐席技能不符{_whom_zh(a[1:], a[0], n)}",
    Reason.NOT_READY: lambda a, n: (
        f"{a[1]} 名坐席处于{_state(a[0], _STATES_ZH)}{_whom_zh(a[2:], a[1], n)}"
    ),
    Reason.RINGS_WITH: lambda a, n: f"已有 {a[0]} 名坐席振铃{_whom_zh(a[1:], a[0], n)}",
    Reason.OWN_ORDER: lambda a, n: (
        f"坐席自定顺序中该队列排第 {a[0]} 位，共 {a[1]} 位"
        if a[0]
        else f"坐席自定顺序未列该队列，先服务其所列 {a[1]} 位队列"
    ),
    Reason.WEIGHT: lambda a, n: f"每秒等待按 {a[0] / 1000:.3g} 倍计",
    Reason.OTHER_QUEUES: lambda a, n: f"{a[0]} 名坐席只服务其他队列{_whom_zh(a[1:], a[0], n)}",
    Reason.RESERVES: lambda a, n: f"后备坐席已启用{_because(a, _LENT_ZH, '（{}）', '，')}",
    Reason.RESERVES_HELD: lambda a, n: f"{a[0]} 名坐席为后备{_whom_zh(a[1:], a[0], n)}",
    Reason.TIER: lambda a, n: (
        f"绿色通道，等级 {a[0]}：优先级 {a[1]:+d}"
        + ("，仅询问专属坐席" if a[2] else "，面向全部坐席")
    ),
    Reason.NO_ROOM: lambda a, n: f"{a[0]} 名坐席已无余量{_whom_zh(a[1:], a[0], n)}",
    Reason.CALLS_WAITING: lambda a, n: f"队列 {a[0]} 个来电中排在最前",
    Reason.MEASURED: lambda a, n: f"{n(AgentId(a[0]))}：{_measured_zh(a[1], a[2])}",
    Reason.CALL_RULE: lambda a, n: (
        f"队列间顺序：{_call_rule(a[0], _CALL_RULES_ZH)}，紧急度 {a[1] / 1000:.3g}"
    ),
    Reason.WIDENED: lambda a, n: f"要求已放宽至第 {a[0]} 步，共 {a[1]} 步",
}
