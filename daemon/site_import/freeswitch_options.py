"""What each parameter of FreeSWITCH's mod_callcenter means for a site.

After https://developer.signalwire.com/freeswitch/FreeSWITCH-Explained/Modules/mod_callcenter_1049389/
"""

from typing import Final

from daemon.site_import.options import (
    DAY_S,
    NOT_A_NUMBER,
    OFF,
    TRUE,
    Absent,
    Converted,
    Meaning,
    Moved,
    music,
    number_of,
    seconds,
)
from daemon.site_import.report import Verdict, Words
from daemon.site_import.staff import (
    EXPERT,
    FEWEST_CALLS,
    LINEAR,
    LONGEST_IDLE,
    ONE_AT_A_TIME,
    RANDOM,
    RING_ALL,
    ROUND_ROBIN,
    RuleWish,
)

OCCUPIED: Final = RuleWish(
    even=("least_occupied", "longest_idle"),
    tiered=("expert_least_occupied", *EXPERT),
    words=Words(
        "work as a share of the last hours decides, not talk time since log-in",
        "按近几小时的占用率决定，而不是登录以来的通话时长",
    ),
)
STRATEGIES: Final[dict[str, RuleWish]] = {
    "ring-all": RING_ALL,
    "ring-progressively": RuleWish(
        even=("ring_progressively", "longest_idle"),
        exact=("ring_progressively",),
        words=ONE_AT_A_TIME,
    ),
    "longest-idle-agent": LONGEST_IDLE,
    "round-robin": ROUND_ROBIN,
    "top-down": LINEAR,
    "sequentially-by-agent-order": LINEAR,
    "agent-with-least-talk-time": OCCUPIED,
    "agent-with-fewest-calls": FEWEST_CALLS,
    "random": RANDOM,
}
DEFAULT_STRATEGY: Final = "longest-idle-agent"
PROGRESSIVE: Final = "ring-progressively"
RING_STEP_S: Final = 10.0
"""``ring-progressively-delay`` where it is not set."""
TIER_OPTIONS: Final = (
    "tier-rules-apply",
    "tier-rule-wait-second",
    "tier-rule-wait-multiply-level",
    "tier-rule-no-agent-no-wait",
)
DEFAULTS: Final = {"max-wait-time": "0", "record-template": ""}
"""What counts in FreeSWITCH when a queue does not say."""
TIERS_WAIT: Final = Words(
    "later tiers come in by widening, the first is asked from the start",
    "后面的梯队通过放宽加入，第一梯队一开始就询问",
)
NOT_APPLIED: Final = Words(
    "tier rules are switched off: every tier is asked from the start",
    "梯队规则已关闭：一开始就询问所有梯队",
)
NOBODY_THERE: Final = Words(
    "callers leave as soon as nobody is there, and none may enter",
    "无人值班时来电者立即离开，也不能进入",
)
RESUMED: Final = Words("who hangs up and calls again begins to wait anew", "挂断后再来电者重新排队")
OWN_DATABASE: Final = Words("the site has a database of its own", "本站使用自己的数据库")
REST_AFTER_MISS: Final = Words(
    "an agent who did not take a call rests 5 seconds", "未接来电的坐席休息 5 秒"
)


def _recorded(text: str) -> Converted:
    if text.strip().lower() in OFF:
        return Converted(False)
    words = Words(
        "always WAV in recordings/, with caller and agent apart",
        "总是 WAV，存于 recordings/，来电者与坐席分轨",
    )
    return Converted(True, Verdict.APPROXIMATED, words)


def _without_agents(text: str) -> Converted:
    number = number_of(text)
    if number is None:
        return Converted(None, Verdict.NOT_SUPPORTED, NOT_A_NUMBER)
    if number <= 0:
        return Converted("wait")
    return Converted("leave", Verdict.APPROXIMATED, NOBODY_THERE)


QUEUE_PARAMETERS: Final[dict[str, Meaning]] = {
    "max-wait-time": Moved("max_wait_s", seconds(0, DAY_S)),
    "record-template": Moved("record", _recorded),
    "moh-sound": Moved("music", music),
    "time-base-score": Absent(
        Words(
            "the wait counts from entering the queue, not from the start of the call",
            "等待从进入队列算起，而不是从通话开始",
        ),
        same=frozenset(("queue", "")),
    ),
    "max-wait-time-with-no-agent": Moved("no_agents", _without_agents),
    "max-wait-time-with-no-agent-time-reached": Absent(NOBODY_THERE, same=OFF | {"5"}, near=True),
    "abandoned-resume-allowed": Absent(RESUMED),
    "discard-abandoned-after": Absent(RESUMED),
    "ring-progressively-delay": Moved("ring_step_s", seconds(1, 600)),
    "skip-agents-with-external-calls": Absent(
        Words("an agent on another call is busy", "正在其他通话中的坐席为忙"), same=TRUE
    ),
    "agent-no-answer-status": Absent(
        Words("who misses too many calls is paused", "未接过多者被暂停"),
        same=frozenset(("on break", "")),
    ),
}
SETTINGS: Final[dict[str, Meaning]] = {
    "odbc-dsn": Absent(OWN_DATABASE, same=frozenset(("",)), near=True),
    "dbname": Absent(OWN_DATABASE, same=frozenset(("",)), near=True),
    "cc-instance-id": Absent(Words("one site is one instance", "一个站点就是一个实例"), near=True),
    "reserve-agents": Absent(
        Words("a chosen agent is always reserved", "选中的坐席总是被预留"), same=TRUE, near=True
    ),
    "global-database-lock": Absent(OWN_DATABASE, same=OFF | TRUE),
    "truncate-agents-on-load": Absent(
        Words("agents stay logged in over a restart", "重启后坐席保持登录")
    ),
    "truncate-tiers-on-load": Absent(
        Words("what the database holds counts after the first start", "首次启动后以数据库为准")
    ),
}
AGENT_REMARKS: Final[dict[str, Absent]] = {
    "type": Absent(
        Words(
            "a call that stays up for the agent is not possible; the telephone rings",
            "不支持常驻通话的坐席；话机会振铃",
        ),
        same=frozenset(("callback",)),
    ),
    "status": Absent(
        Words("agents log in at the desk or by telephone", "坐席在桌面或话机上登录"),
        same=frozenset(("logged out", "")),
        near=True,
    ),
    "reject-delay-time": Absent(REST_AFTER_MISS, same=frozenset(("5",)), near=True),
    "busy-delay-time": Absent(REST_AFTER_MISS, same=frozenset(("5",)), near=True),
    "no-answer-delay-time": Absent(REST_AFTER_MISS, same=frozenset(("5",)), near=True),
}
