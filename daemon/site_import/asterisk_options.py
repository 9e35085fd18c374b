"""What each option of Asterisk's queues.conf means for a site.

After https://docs.asterisk.org/ (app_queue, queues.conf) for releases 1.4 to 22.
"""

from typing import Final

from daemon.site_import.options import (
    DAY_S,
    OFF,
    TRUE,
    Absent,
    Converted,
    Meaning,
    Moved,
    music,
    number_of,
    seconds,
    service_level,
    whole_number,
)
from daemon.site_import.report import Verdict, Words
from daemon.site_import.staff import (
    FEWEST_CALLS,
    LINEAR,
    LONGEST_IDLE,
    RANDOM,
    RING_ALL,
    ROUND_ROBIN,
    WEIGHTED_RANDOM,
    RuleWish,
)

STRATEGIES: Final[dict[str, RuleWish]] = {
    "ringall": RING_ALL,
    "leastrecent": LONGEST_IDLE,
    "fewestcalls": FEWEST_CALLS,
    "random": RANDOM,
    "wrandom": WEIGHTED_RANDOM,
    "rrmemory": ROUND_ROBIN,
    "rrordered": ROUND_ROBIN,
    "roundrobin": ROUND_ROBIN,
    "linear": LINEAR,
}
ALIASES: Final = {
    "music": "musicclass",
    "musiconhold": "musicclass",
}
DEFAULT_STRATEGY: Final = "ringall"
DEFAULTS: Final = {
    "timeout": "15",
    "wrapuptime": "0",
    "autopause": "no",
    "maxlen": "0",
    "monitor-format": "",
}
"""What counts in Asterisk when a queue does not say."""
FOR_EVER: Final = Words(
    "the longest that a telephone rings here is 10 minutes", "本站话机最长振铃 10 分钟"
)
OWN_PROMPTS: Final = Words(
    "the site speaks its own texts; sound files of Asterisk are not used",
    "本站用自己的文本播报，不使用 Asterisk 的语音文件",
)
DIAL_PLAN: Final = Words(
    "the dial plan is not imported; a flow does this here", "不导入拨号方案；本站由流程完成"
)
_STRICT: Final = ("penalty", "paused", "invalid", "unavailable")
EMPTY_WORDS: Final = {"strict": _STRICT, "loose": ("penalty", "invalid")}
EMPTY_PLAIN: Final = ("penalty", "paused", "invalid")
"""What joinempty = no and leavewhenempty = yes stand for."""
EMPTY_STATES: Final[dict[str, tuple[str, ...]]] = {
    "paused": ("paused",),
    "inuse": ("talking", "on_hold", "busy"),
    "ringing": ("reserved", "ringing"),
    "wrapup": ("wrap_up",),
    # Logged out and unreachable always count as absent here.
    "unavailable": (),
    "invalid": (),
    "unknown": (),
    "penalty": (),
}
ALWAYS_ABSENT: Final = Words(
    "who is logged out or unreachable always counts as absent",
    "已登出或不可达的坐席总是视为缺席",
)
ONE_LIST: Final = Words(
    "one list of states counts for entering and leaving; leave refuses at entry as well",
    "进入和离开使用同一组状态；leave 在进入时也拒绝",
)
NO_STATE: Final = Words("names a state that nobody knows", "含有未知的状态")
MANAGER: Final = Words(
    "there is no manager interface; the REST interface and the live stream tell the same",
    "没有管理接口；REST 接口和实时流提供同样的信息",
)
PAUSE_ALWAYS: Final = Words(
    "a pause counts for every queue of the agent", "暂停对坐席的所有队列有效"
)
ONLY_MISSES: Final = Words(
    "only offers that nobody answers count as missed", "只有无人应答的振铃才算未接"
)
RETRY: Final = Words(
    "the caller goes to the next agent at once; who missed rests 5 seconds",
    "来电者立即转给下一坐席；未接者休息 5 秒",
)


def _recorded(text: str) -> Converted:
    if text.strip().lower() in OFF:
        return Converted(False)
    words = Words("always WAV with caller and agent apart", "总是 WAV，来电者与坐席分轨")
    return Converted(True, Verdict.APPROXIMATED, words)


def _pauses(text: str) -> Converted:
    value = text.strip().lower()
    if value == "all":
        return Converted(1)
    if value in TRUE:
        return Converted(1, Verdict.APPROXIMATED, PAUSE_ALWAYS)
    return Converted(0)


def _retry(text: str) -> Converted:
    verdict = Verdict.MAPPED if number_of(text) == 5 else Verdict.APPROXIMATED
    return Converted(None, verdict, RETRY)


RECORDED_SO: Final = Absent(
    Words("recordings are WAV with caller and agent apart", "录音为 WAV，来电者与坐席分轨"),
    same=frozenset(("mixmonitor",)),
    near=True,
)
QUEUE_OPTIONS: Final[dict[str, Meaning]] = {
    "timeout": Moved(
        "ring_s", seconds(1, 600, zero=Converted(600.0, Verdict.APPROXIMATED, FOR_EVER))
    ),
    "wrapuptime": Moved("wrap_up_s", seconds(0, DAY_S)),
    "maxlen": Moved("max_waiting", whole_number),
    "servicelevel": Moved("service_level_s", service_level),
    "autopause": Moved("misses_to_pause", _pauses),
    "monitor-format": Moved("record", _recorded),
    "monitor-type": RECORDED_SO,
    "retry": Moved("", _retry),
    "musicclass": Moved("music", music),
    "ringinuse": Absent(Words("an agent has one call at a time", "坐席同时只接一个通话")),
    "autofill": Absent(
        Words("free agents are always rung at the same time", "空闲坐席总是同时振铃"),
        same=TRUE,
    ),
    "announce": Absent(
        Words(
            "the desk shows the agent which queue a call is from; nothing is spoken",
            "桌面显示来电属于哪个队列；不播报",
        ),
        same=frozenset(("",)),
    ),
    "reportholdtime": Absent(
        Words("the desk shows how long the caller waited", "桌面显示来电者等待的时间")
    ),
    "context": Absent(
        Words(
            "callers leave the queue by the keys of the flow's enter_queue node",
            "来电者用流程 enter_queue 节点的按键离开队列",
        ),
        same=frozenset(("",)),
    ),
    "memberdelay": Absent(Words("agents and callers are joined at once", "坐席与来电者立即接通")),
    "penaltymemberslimit": Absent(
        Words("levels count however few agents there are", "无论坐席多少，级别都有效")
    ),
    "defaultrule": Absent(
        Words("penalties do not change while a caller waits", "等待期间 penalty 不变"),
        same=frozenset(("",)),
    ),
    "timeoutpriority": Absent(
        Words("the end of the wait cuts the ringing short", "等待期满会中断振铃"),
        same=frozenset(("app", "")),
    ),
    "timeoutrestart": Absent(
        Words("a telephone that is busy does not ring again at once", "占线的话机不会立即重振")
    ),
    "autopausedelay": Absent(Words("a miss counts from log-in on", "登录后即计未接")),
    "autopausebusy": Absent(ONLY_MISSES),
    "autopauseunavail": Absent(ONLY_MISSES),
    "setinterfacevar": Absent(DIAL_PLAN),
    "setqueueentryvar": Absent(DIAL_PLAN),
    "setqueuevar": Absent(DIAL_PLAN),
    "membermacro": Absent(DIAL_PLAN, same=frozenset(("",))),
    "membergosub": Absent(DIAL_PLAN, same=frozenset(("",))),
    "queuegosub": Absent(DIAL_PLAN, same=frozenset(("",))),
    "eventwhencalled": Absent(MANAGER),
    "eventmemberstatus": Absent(MANAGER),
    "log-restricted-caller-id": Absent(
        Words("records keep the number as the network gave it", "记录按网络给出的号码保存"),
        same=TRUE,
    ),
    "log_restricted_caller_id": Absent(
        Words("records keep the number as the network gave it", "记录按网络给出的号码保存"),
        same=TRUE,
    ),
    "queue-prompts": Absent(OWN_PROMPTS, same=frozenset(("",))),
}
GENERAL_OPTIONS: Final[dict[str, Meaning]] = {
    "persistentmembers": Absent(
        Words("agents stay logged in over a restart", "重启后坐席保持登录"), same=TRUE
    ),
    "keepstats": Absent(Words("figures survive every change", "任何更改都保留统计"), same=TRUE),
    "autofill": QUEUE_OPTIONS["autofill"],
    "monitor-type": RECORDED_SO,
    "updatecdr": Absent(
        Words("records always name the agent", "记录总是写明坐席"), same=TRUE, near=True
    ),
    "shared_lastcall": Absent(
        Words("wrap-up counts for every queue of the agent", "话后处理对坐席的所有队列有效"),
        same=TRUE,
        near=True,
    ),
    "log_membername_as_agent": Absent(
        Words("the queue log names agents by login", "队列日志用登录名表示坐席"),
        same=TRUE,
        near=True,
    ),
    "negative_penalty_invalid": Absent(
        Words("a negative penalty counts as 0", "负的 penalty 按 0 计")
    ),
    "force_longest_waiting_caller": Absent(
        Words(
            "priority of queues comes first, then who waits longest",
            "先看队列优先级，再看等待时间",
        )
    ),
    "log_restricted_caller_id": QUEUE_OPTIONS["log_restricted_caller_id"],
}


def meaning_of(option: str) -> Meaning | None:
    """What an option of a queue means, by its name in lower case."""
    if option.startswith("queue-"):
        return QUEUE_OPTIONS["queue-prompts"]
    return QUEUE_OPTIONS.get(option)
