"""What callers are told while they wait: options of a source to ``[queues.announcements]``.

Asterisk has a timer for position and wait and another for its periodic announcement,
FreeSWITCH one for a sound; a queue here has one timer for all of it.
"""

from typing import Any, Final

from daemon.site_files import queues
from daemon.site_files.queue_options import AnnouncementsEntry
from daemon.site_import.options import (
    DAY_S,
    NOT_A_NUMBER,
    OFF,
    SAME,
    TRUE,
    UPLOAD,
    number_of,
    plain,
    prompt_name,
)
from daemon.site_import.report import Finding, Origin, Verdict, Words, finding

DEFAULT_LIMIT: Final = 5  # places, announce-position-limit where it is not set
SHORTEST_GAP_S: Final = 15.0  # s, min-announce-frequency where it is not set
NEVER: Final = Words("nothing is announced: the frequency is 0", "不播报：频率为 0")
LIMITED: Final = Words(
    "beyond this place nothing is told; there are no words for more",
    "超过此位次不播报；没有“多于”的说法",
)
AS_RANGE: Final = Words(
    "the estimated wait is told as a range, and only while estimates are right",
    "预计等待以范围播报，且仅在预计准确时",
)
ONLY_BETTER: Final = Words("a worse place is never told", "从不播报变差的位次")
TOLD_TO_ALL: Final = Words("the first in the queue is told too", "队首也会听到播报")
ONE_TIMER: Final = Words(
    "one timer counts for all announcements of the queue", "队列的所有播报共用一个定时"
)
ONE_PROMPT: Final = Words(
    "only the first sound is played: upload one of that name as a prompt",
    "只播放第一个语音：请以此名称上传提示音",
)
ROUNDED: Final = Words("waits are told in minutes", "等待以分钟播报")
SAME_ORDER: Final = Words("one prompt, so there is no order", "只有一个提示音，没有顺序之分")
FROM_END: Final = Words("the time counts from the beginning of the last one", "时间从上次开始算起")
ASTERISK: Final = (
    "announce-frequency",
    "min-announce-frequency",
    "announce-position",
    "announce-position-limit",
    "announce-position-only-up",
    "announce-holdtime",
    "announce-to-first-user",
    "announce-round-seconds",
    "periodic-announce",
    "periodic-announce-frequency",
    "periodic-announce-startdelay",
    "random-periodic-announce",
    "relative-periodic-announce",
)
FREESWITCH: Final = ("announce-sound", "announce-frequency")


class _Teller:
    """Collects the keys of the table, and what became of each option."""

    def __init__(self, counting: dict[str, Origin], names: tuple[str, ...], slug: str) -> None:
        self._origins = {name: counting.pop(name) for name in names if name in counting}
        self._slug = slug
        self.keys: dict[str, Any] = {}
        self.findings: list[Finding] = []

    def __bool__(self) -> bool:
        return bool(self._origins)

    def text(self, name: str, default: str = "") -> str:
        """An option as it is written."""
        return self._origins[name].value.strip() if name in self._origins else default

    def seconds(self, name: str, default: float = 0.0) -> float:
        """An option as a duration; one that is no number counts as its default."""
        number = number_of(self.text(name)) if name in self._origins else None
        return default if number is None else min(max(number, 0.0), DAY_S)

    def became(self, name: str, key: str, value: object, words: Words | None = None) -> None:
        """An option became a key, exactly where there are no words."""
        self.keys[key] = value
        if name in self._origins:
            target = f"{queues.FILE} {self._slug} announcements.{key} = {plain(value)}"
            verdict = Verdict.APPROXIMATED if words else Verdict.MAPPED
            self._say(name, verdict, words, target)

    def same(self, name: str) -> None:
        """An option asks for what is done anyway."""
        self._say(name, Verdict.MAPPED, SAME)

    def near(self, name: str, words: Words) -> None:
        """An option has no key; what is done is near it."""
        self._say(name, Verdict.APPROXIMATED, words)

    def rest(self, verdict: Verdict, words: Words) -> None:
        """The same for every option that was not accounted for."""
        done = {one.option.lower() for one in self.findings}
        for name, origin in self._origins.items():
            if origin.option.lower() not in done:
                self._say(name, verdict, words)

    def _say(self, name: str, verdict: Verdict, words: Words | None, target: str = "") -> None:
        if name not in self._origins:
            return
        origin = self._origins[name]
        wants_number = name.endswith(("-frequency", "-startdelay", "-limit", "-seconds"))
        if wants_number and number_of(origin.value) is None:
            verdict, words, target = Verdict.NOT_SUPPORTED, NOT_A_NUMBER, ""
        self.findings.append(finding(origin, verdict, target=target, words=words))


def asterisk_announcements(
    counting: dict[str, Origin], settings: dict[str, object], slug: str
) -> list[Finding]:
    """Take Asterisk's options out of those that count, into the settings of a queue."""
    teller = _Teller(counting, ASTERISK, slug)
    position_s = teller.seconds("announce-frequency")
    periodic_s = teller.seconds("periodic-announce-frequency")
    prompt = prompt_name(teller.text("periodic-announce").partition(",")[0])
    if not teller:
        return []
    if not position_s and not (periodic_s and prompt):
        teller.rest(Verdict.MAPPED, NEVER)
        return teller.findings
    if position_s:
        _position(teller, position_s)
    else:
        teller.keys |= {"position": False, "estimate": False, "min_gap_s": min(15.0, periodic_s)}
    if periodic_s and prompt:
        several = "," in teller.text("periodic-announce")
        teller.became("periodic-announce", "prompt", prompt, ONE_PROMPT if several else UPLOAD)
        if position_s:
            differs = None if periodic_s == position_s else ONE_TIMER
            teller.became("periodic-announce-frequency", "every_s", position_s, differs)
            teller.near("periodic-announce-startdelay", ONE_TIMER)
        else:
            teller.became("periodic-announce-frequency", "every_s", periodic_s)
            delay = teller.seconds("periodic-announce-startdelay", periodic_s)
            teller.became("periodic-announce-startdelay", "first_s", delay)
        if teller.text("random-periodic-announce").lower() in OFF or not several:
            teller.same("random-periodic-announce")
        else:
            teller.near("random-periodic-announce", SAME_ORDER)
        if teller.text("relative-periodic-announce").lower() in OFF:
            teller.same("relative-periodic-announce")
        else:
            teller.near("relative-periodic-announce", FROM_END)
    teller.rest(Verdict.MAPPED, NEVER)
    _store(teller, settings)
    return teller.findings


def _position(teller: _Teller, every_s: float) -> None:
    """Place and wait, which Asterisk tells at once, then by time and when the place changes."""
    gap_s = min(teller.seconds("min-announce-frequency", SHORTEST_GAP_S), every_s)
    teller.keys |= {"first_s": 0.0, "on_progress": True}
    teller.became("announce-frequency", "every_s", every_s)
    teller.became("min-announce-frequency", "min_gap_s", gap_s)
    wanted = teller.text("announce-position", "yes").lower()
    limit = int(teller.seconds("announce-position-limit", DEFAULT_LIMIT))
    teller.became(
        "announce-position", "position", wanted not in OFF, LIMITED if wanted == "more" else None
    )
    if wanted in ("limit", "more"):
        teller.became("announce-position-limit", "most_position", limit)
    else:
        teller.same("announce-position-limit")
    hold = teller.text("announce-holdtime", "no").lower()
    teller.became(
        "announce-holdtime", "estimate", hold not in OFF, None if hold in OFF else AS_RANGE
    )
    for name, words in (
        ("announce-position-only-up", ONLY_BETTER),
        ("announce-to-first-user", TOLD_TO_ALL),
    ):
        if teller.text(name).lower() in TRUE:
            teller.same(name)
        else:
            teller.near(name, words)
    teller.near("announce-round-seconds", ROUNDED)


def freeswitch_announcements(
    counting: dict[str, Origin], settings: dict[str, object], slug: str
) -> list[Finding]:
    """Take mod_callcenter's parameters out of those that count, into the settings of a queue."""
    teller = _Teller(counting, FREESWITCH, slug)
    every_s = teller.seconds("announce-frequency")
    prompt = prompt_name(teller.text("announce-sound"))
    if not teller:
        return []
    if every_s and prompt:
        teller.keys |= {"position": False, "estimate": False, "first_s": every_s}
        teller.keys["min_gap_s"] = min(SHORTEST_GAP_S, every_s)
        teller.became("announce-sound", "prompt", prompt, UPLOAD)
        teller.became("announce-frequency", "every_s", every_s)
        _store(teller, settings)
    else:
        teller.rest(Verdict.MAPPED, NEVER)
    return teller.findings


def _store(teller: _Teller, settings: dict[str, object]) -> None:
    entry = AnnouncementsEntry(**teller.keys)
    if entry.position or entry.estimate or entry.prompt:
        settings["announcements"] = entry
