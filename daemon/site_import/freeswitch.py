"""FreeSWITCH's callcenter.conf.xml as queues and people of a site.

Tier level and position become a level of the queue's own skill. What FreeSWITCH sets for
an agent and a site for a queue (wrap-up, missed calls, ringing time) becomes the greatest
of the queue's agents.
"""

import re
from collections.abc import Collection, Container
from typing import Final

import msgspec

from daemon.language import pick
from daemon.site_files import queues as queues_file
from daemon.site_import.announcements import freeswitch_announcements
from daemon.site_import.draft import QueueDraft, Source, TierWait
from daemon.site_import.freeswitch_options import (
    AGENT_REMARKS,
    DEFAULT_STRATEGY,
    DEFAULTS,
    NOT_APPLIED,
    PROGRESSIVE,
    QUEUE_PARAMETERS,
    RING_STEP_S,
    SETTINGS,
    STRATEGIES,
    TIER_OPTIONS,
    TIERS_WAIT,
)
from daemon.site_import.options import (
    NOT_A_NUMBER,
    TRUE,
    UNKNOWN,
    apply_option,
    default_settings,
    last_of_each,
    number_of,
)
from daemon.site_import.report import Finding, Origin, Verdict, Words, finding, source_error
from daemon.site_import.staff import Member, slug_of
from daemon.site_import.xml_elements import Element, read_xml

CONTACT: Final = re.compile(
    r"(?:[\[{<][^\]}>]*[\]}>])*\s*(?:user|verto\.rtc)/([^@|,]+)(?:@[^|,]*)?"
)
RING_TIME: Final = re.compile(r"(?:leg_timeout|call_timeout|originate_timeout)\s*=\s*(\d{1,6})")
DEFAULT_RING_S: Final = 60.0  # s, originate's own
HIGHEST_TIER: Final = 1_000_000
LIMITS: Final = {"wrap_up_s": 86_400.0, "ring_s": 600.0, "misses_to_pause": 1_000_000.0}
NOBODY_ASKS: Final = {"wrap_up_s": 0.0, "ring_s": DEFAULT_RING_S, "misses_to_pause": 0.0}
PER_AGENT: Final = {"max-no-answer": "misses_to_pause", "wrap-up-time": "wrap_up_s"}
LONGEST_COUNTS: Final = Words(
    "it belongs to the queue here; the greatest of its agents counts",
    "本站按队列设置；以其坐席中最大的为准",
)
IN_NO_QUEUE: Final = Words("the agent is in no queue", "此坐席不属于任何队列")
NO_PHONE: Final = Words(
    "this address is no telephone of the site; give the person a station",
    "此地址不是本站的话机；请为此人设置分机",
)
NO_SUCH: Final = Words("the file has no such queue or agent", "文件中没有此队列或坐席")
NOT_READ: Final = Words("this part means nothing to a site", "此部分对本站没有意义")


class _Agent(msgspec.Struct, kw_only=True):
    origins: dict[str, Origin]
    name: str
    station: str
    values: dict[str, float] = {}
    """Keys of ``QueueEntry`` that the agent's own attributes ask for."""
    queues: list[str] = []
    """Slugs of the queues of the agent's tiers."""


def read_freeswitch(file: str, content: bytes) -> Source:
    """Understand a callcenter.conf.xml; SourceError when it is not one."""
    return _Reader(file).read(read_xml(file, content))


class _Reader:
    def __init__(self, file: str) -> None:
        self._file = file
        self._findings: list[Finding] = []
        self._queues: dict[str, QueueDraft] = {}
        self._agents: dict[str, _Agent] = {}

    def read(self, root: Element) -> Source:
        configuration = self._configuration(root)
        for part in configuration.children:
            match part.tag:
                case "settings":
                    self._settings(part)
                case "queues":
                    for element in self._only(part, "queue"):
                        self._queue(element)
                case "agents":
                    for element in self._only(part, "agent"):
                        self._agent(element)
                case "tiers":
                    pass  # they come last, wherever they stand
                case _:
                    self._not_read(part, configuration.tag)
        for part in configuration.find("tiers"):
            for position, element in enumerate(self._only(part, "tier")):
                self._tier(element, position)
        self._agents_to_queues()
        return Source(queues=tuple(self._queues.values()), findings=tuple(self._findings))

    def _configuration(self, root: Element) -> Element:
        """The element of mod_callcenter, alone or inside a whole document."""
        waiting, found = [root], []
        while waiting:
            element = waiting.pop()
            if element.tag == "X-PRE-PROCESS":
                self._preprocess(element)
            if element.tag == "configuration" and (
                element.attributes.get("name") == "callcenter.conf" or element is root
            ):
                found.append(element)
            waiting += element.children
        if len(found) != 1:
            what = pick(
                f"has {len(found)} configurations of callcenter.conf",
                f"含有 {len(found)} 个 callcenter.conf 配置",
            )
            raise source_error(
                self._file, root.line, what, '<configuration name="callcenter.conf">'
            )
        return found[0]

    def _preprocess(self, element: Element) -> None:
        order = element.attributes.get("cmd", "")
        if order not in ("set", ""):
            raise source_error(
                self._file,
                element.line,
                pick(f"X-PRE-PROCESS {order} is not followed", f"不处理 X-PRE-PROCESS {order}"),
                pick(
                    "put what it names into this file and import again",
                    "请把它引用的内容写入本文件后重新导入",
                ),
            )

    def _only(self, part: Element, tag: str) -> list[Element]:
        for other in part.children:
            if other.tag != tag:
                self._not_read(other, part.tag)
        return part.find(tag)

    def _not_read(self, element: Element, section: str) -> None:
        """Account for an element that is nothing to us, with all inside it."""
        shown = " ".join(f'{name}="{value}"' for name, value in element.attributes.items())
        origin = self._origin(element, section, element.tag, shown)
        self._findings.append(finding(origin, Verdict.NOT_SUPPORTED, words=NOT_READ))
        for child in element.children:
            self._not_read(child, element.tag)

    def _origin(self, element: Element, section: str, option: str, value: str) -> Origin:
        return Origin(
            file=self._file, line=element.line, section=section, option=option, value=value
        )

    def _parameters(self, element: Element, section: str) -> dict[str, Origin]:
        origins = []
        for parameter in self._only(element, "param"):
            extra = dict(parameter.attributes)
            name, value = extra.pop("name", ""), extra.pop("value", "")
            origins.append(self._origin(parameter, section, name, value))
            self._unknown(parameter, section, extra)
        counting, overridden = last_of_each(origins, {})
        self._findings += overridden
        return counting

    def _unknown(self, element: Element, section: str, attributes: dict[str, str]) -> None:
        for name, value in attributes.items():
            origin = self._origin(element, section, name, value)
            self._findings.append(finding(origin, Verdict.NOT_SUPPORTED, words=UNKNOWN))

    def _settings(self, part: Element) -> None:
        for name, origin in self._parameters(part, "settings").items():
            self._findings.append(apply_option(origin, SETTINGS.get(name), {}, ""))

    def _queue(self, element: Element) -> None:
        name = self._name(element)
        extra = {key: value for key, value in element.attributes.items() if key != "name"}
        self._unknown(element, name, extra)
        parameters = self._parameters(element, name)
        unset = Element(tag="param", line=0, attributes={})
        strategy = parameters.pop("strategy", None) or self._origin(
            unset, name, "strategy", DEFAULT_STRATEGY
        )
        draft = QueueDraft(
            origin=self._origin(element, name, "queue", name),
            # The part behind @ is the domain, the same for all in nearly every file.
            slug=slug_of(name.partition("@")[0], f"queue-{element.line}"),
            strategy=strategy,
            wish=STRATEGIES.get(strategy.value.lower()),
            settings=default_settings(DEFAULTS, QUEUE_PARAMETERS),
        )
        for key, value in DEFAULTS.items():
            parameters.setdefault(key, self._origin(unset, name, key, value))
        if strategy.value.lower() == PROGRESSIVE:
            draft.settings["ring_step_s"] = RING_STEP_S
        self._findings += freeswitch_announcements(parameters, draft.settings, draft.slug)
        self._findings += _tier_rules(parameters, draft)
        for key, origin in parameters.items():
            self._findings.append(
                apply_option(origin, QUEUE_PARAMETERS.get(key), draft.settings, draft.slug)
            )
        if name in self._queues:
            raise self._twice(element, name)
        self._queues[name] = draft

    def _agent(self, element: Element) -> None:
        name = self._name(element)
        if name in self._agents:
            raise self._twice(element, name)
        attributes = {key: value for key, value in element.attributes.items() if key != "name"}
        contact = attributes.get("contact", "")
        found = CONTACT.fullmatch(contact.strip())
        agent = _Agent(
            origins={
                key: self._origin(element, name, key, value) for key, value in attributes.items()
            },
            name=name,
            station=found[1].strip() if found else "",
        )
        ringing = RING_TIME.search(contact)
        agent.values["ring_s"] = float(ringing[1]) if ringing else DEFAULT_RING_S
        for option, key in PER_AGENT.items():
            agent.values[key] = max(number_of(attributes.get(option, "0")) or 0.0, 0.0)
        self._agents[name] = agent
        self._findings += [
            apply_option(origin, AGENT_REMARKS.get(key), {}, "")
            for key, origin in agent.origins.items()
            if key not in PER_AGENT and key != "contact"
        ]
        for child in element.children:
            self._not_read(child, name)

    def _tier(self, element: Element, position: int) -> None:
        extra = dict(element.attributes)
        queue_name, agent_name = extra.pop("queue", ""), extra.pop("agent", "")
        level, place = extra.pop("level", "1"), extra.pop("position", "1")
        shown = f"{agent_name} level={level} position={place}"
        origin = self._origin(element, queue_name, "tier", shown)
        self._unknown(element, queue_name, extra)
        queue, agent = self._queues.get(queue_name), self._agents.get(agent_name)
        if queue is None or agent is None:
            self._findings.append(finding(origin, Verdict.NOT_SUPPORTED, words=NO_SUCH))
            return
        numbers = [number_of(text) for text in (level, place)]
        ranks = [min(max(int(number or 1), 1), HIGHEST_TIER) for number in numbers]
        readable = None not in numbers
        agent.queues.append(queue.slug)
        queue.members.append(
            Member(
                origin=origin,
                key=agent_name,
                login=agent_name.partition("@")[0],
                name=agent_name.partition("@")[0][:128],
                station=agent.station,
                penalty=ranks[0] - 1,
                # Equal positions keep the order of the file.
                position=ranks[1] * HIGHEST_TIER + position,
                verdict=Verdict.MAPPED if readable else Verdict.APPROXIMATED,
                words=Words() if readable else NOT_A_NUMBER,
            )
        )

    def _agents_to_queues(self) -> None:
        """Settings of agents become those of their queues."""
        uneven: set[tuple[str, str]] = set()
        """Slug and key where the agents of a queue differ, or ask for too much."""
        for queue in self._queues.values():
            agents = [self._agents[member.key] for member in queue.members]
            for key, limit in LIMITS.items():
                asked = {agent.values[key] for agent in agents} or {NOBODY_ASKS[key]}
                if len(asked) > 1 or max(asked) > limit:
                    uneven.add((queue.slug, key))
                queue.settings[key] = _greatest(key, asked, limit)
        for agent in self._agents.values():
            self._findings += self._agent_findings(agent, uneven)

    def _agent_findings(self, agent: _Agent, uneven: Container[tuple[str, str]]) -> list[Finding]:
        found = []
        slugs = tuple(dict.fromkeys(agent.queues))
        for option, origin in agent.origins.items():
            key = "ring_s" if option == "contact" else PER_AGENT.get(option)
            if key is None:
                continue
            if not slugs:
                found.append(finding(origin, Verdict.NOT_SUPPORTED, words=IN_NO_QUEUE))
            elif option == "contact" and not agent.station:
                found.append(finding(origin, Verdict.NOT_SUPPORTED, words=NO_PHONE))
            elif option != "contact" and number_of(origin.value) is None:
                found.append(finding(origin, Verdict.NOT_SUPPORTED, words=NOT_A_NUMBER))
            else:
                target = f"{queues_file.FILE} {', '.join(slugs)} {key}"
                if any((slug, key) in uneven for slug in slugs):
                    verdict, words = Verdict.APPROXIMATED, LONGEST_COUNTS
                else:
                    verdict, words = Verdict.MAPPED, Words()
                    target += f" = {agent.values[key]:g}"
                found.append(finding(origin, verdict, target=target, words=words))
        return found

    def _name(self, element: Element) -> str:
        name = element.attributes.get("name", "").strip()
        if not name:
            what = pick(f"this {element.tag} has no name", f"此 {element.tag} 没有名称")
            raise source_error(self._file, element.line, what)
        return name

    def _twice(self, element: Element, name: str) -> Exception:
        what = pick(f"{name} is there twice", f"{name} 重复")
        return source_error(self._file, element.line, what)


def _tier_rules(parameters: dict[str, Origin], draft: QueueDraft) -> list[Finding]:
    """Take the rules of tiers out of the parameters: later tiers come in after a wait."""
    found = {name: parameters.pop(name) for name in TIER_OPTIONS if name in parameters}

    def is_on(name: str) -> bool:
        return name in found and found[name].value.strip().lower() in TRUE

    if not is_on("tier-rules-apply"):
        return [finding(origin, Verdict.MAPPED, words=NOT_APPLIED) for origin in found.values()]
    wait = found.get("tier-rule-wait-second")
    wait_s = number_of(wait.value) if wait is not None else 0.0
    draft.tiers = TierWait(
        wait_s=max(wait_s or 0.0, 0.0),
        multiply=is_on("tier-rule-wait-multiply-level"),
        skip=is_on("tier-rule-no-agent-no-wait"),
    )
    target = f"{queues_file.FILE} {draft.slug} widening"
    # Where empty tiers are waited for as well, so is the first one there, but not here.
    verdict = Verdict.MAPPED if draft.tiers.skip or not wait_s else Verdict.APPROXIMATED
    words = Words() if verdict is Verdict.MAPPED else TIERS_WAIT
    told = [
        finding(origin, verdict, target=target, words=words)
        for origin in found.values()
        if origin is not wait or wait_s is not None
    ]
    if wait is not None and wait_s is None:
        told.append(finding(wait, Verdict.NOT_SUPPORTED, words=NOT_A_NUMBER))
    return told


def _greatest(key: str, asked: Collection[float], limit: float) -> float | int:
    """What a queue takes of its agents' wishes."""
    greatest = min(max(asked), limit)
    if key == "misses_to_pause":
        # 0 never pauses, so it is the most patient of all.
        return 0 if 0.0 in asked else max(int(greatest), 1)
    return max(greatest, 1.0) if key == "ring_s" else greatest
