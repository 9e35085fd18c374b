"""What a trunk is told about numbers and gateways: rules as data, with every fault at once."""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from drivers.errors import OptionsError

if TYPE_CHECKING:
    from drivers.sip.options import TrunkOptions

REDIRECTIONS: Final = ("diversion", "history-info", "both", "none")
"""Headers in which a carrier is told of the number that was called first."""

_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!%*_+`'~.-]+\Z")
_PREFIX: Final = re.compile(r"\+?[0-9*#]+\Z")
_OURS: Final = frozenset(
    {
        *(
            "via",
            "from",
            "to",
            "call-id",
            "cseq",
            "contact",
            "route",
            "record-route",
            "max-forwards",
        ),
        *("content-length", "content-type", "authorization", "proxy-authorization", "require"),
        *("supported", "allow", "replaces", "referred-by", "p-asserted-identity", "privacy"),
        *("diversion", "history-info", "user-to-user", "session-expires", "min-se", "rack", "rseq"),
    }
)
"""Headers whose meaning is ours: never passed through by a list of names."""


class NumberRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a number is rewritten; of several rules the first that matches counts."""

    match: str
    """Regular expression that the whole number must match: ``0([1-9].*)``."""
    replace: str
    """What it becomes; ``\\\\1`` is the first group: ``+49\\\\1``. Empty: the number is withheld."""


class GatewayOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One more place that a trunk's calls may go to."""

    target: str
    """``address:port`` or name, looked up as that of the trunk (RFC 3263)."""
    priority: int = 0
    """Lower ones are tried first (RFC 2782)."""
    weight: int = 1
    """Share of the calls among gateways of the same priority; 0: only when nothing else works."""
    max_calls: int = 0
    """Calls to it at the same time; 0: no limit of its own."""


def plan_faults(
    key: str, trunk: "TrunkOptions", is_target: Callable[[str], bool]
) -> list[OptionsError]:
    """Everything wrong with a trunk's numbers, gateways, headers and registration."""
    found: list[OptionsError] = []
    if trunk.redirection not in REDIRECTIONS:
        known = ", ".join(REDIRECTIONS)
        en = f"{trunk.redirection!r} is no way to say it; choose from {known}"
        zh = f"没有方式 {trunk.redirection!r}；请从 {known} 中选择"
        found.append(OptionsError(f"{key}.redirection", en, zh))
    found += rule_faults(f"{key}.dial_rules", trunk.dial_rules)
    found += rule_faults(f"{key}.caller_rules", trunk.caller_rules)
    found += rule_faults(f"{key}.ani_rules", trunk.ani_rules)
    found += rule_faults(f"{key}.dnis_rules", trunk.dnis_rules)
    found += prefix_faults(f"{key}.allowed", trunk.allowed)
    found += header_faults(f"{key}.headers", trunk.headers)
    found += gateway_faults(f"{key}.gateways", trunk.gateways, is_target)
    if trunk.register and not (trunk.username and (trunk.target or trunk.gateways)):
        en = "needs a username and a target; fill them in, or leave register out"
        zh = "需要 username 和 target；请填写，或去掉 register"
        found.append(OptionsError(f"{key}.register", en, zh))
    return found


def rewrite(rules: Sequence[NumberRule], number: str) -> str:
    """The number after the first rule that matches it; unchanged when none does."""
    for rule in rules:
        found = _pattern(rule.match).fullmatch(number)
        if found is not None:
            return found.expand(rule.replace)
    return number


def is_allowed(prefixes: Sequence[str], number: str) -> bool:
    """Whether a number begins with one of these; without any, all do."""
    return not prefixes or number.startswith(tuple(prefixes))


def rule_faults(key: str, rules: Sequence[NumberRule]) -> list[OptionsError]:
    """What is wrong with rules, each with its place."""
    found: list[OptionsError] = []
    for index, rule in enumerate(rules):
        try:
            pattern = re.compile(rule.match)
            # Rewriting checks group numbers only when something matched, so do it here.
            if re.search(r"\\[0-9]", rule.replace):
                highest = max(int(n) for n in re.findall(r"\\([0-9]+)", rule.replace))
                if highest > pattern.groups:
                    raise re.error(f"group {highest} is not in match")
        except re.error as error:
            en = f"cannot be used: {error}; write as {{match = '0(.*)', replace = '+49\\1'}}"
            zh = f"无法使用：{error}；请写如 {{match = '0(.*)', replace = '+49\\1'}}"
            found.append(OptionsError(f"{key}[{index}]", en, zh))
    return found


def prefix_faults(key: str, prefixes: Sequence[str]) -> list[OptionsError]:
    """What is wrong with prefixes or numbers."""
    wrong = [prefix for prefix in prefixes if not _PREFIX.match(prefix)]
    if not wrong:
        return []
    en = f"{wrong[0]!r} is not the beginning of a number; write digits, with + in front if sent so"
    return [OptionsError(key, en, f"{wrong[0]!r} 不是号码前缀；请写数字，需要时以 + 开头")]


def header_faults(key: str, names: Sequence[str]) -> list[OptionsError]:
    """What is wrong with names of headers to pass through."""
    wrong = [n for n in names if not _HEADER_NAME.match(n) or n.lower() in _OURS]
    if not wrong:
        return []
    en = f"{wrong[0]!r} cannot be passed through; name headers of your own such as X-Account"
    return [OptionsError(key, en, f"{wrong[0]!r} 不能透传；请写自定义的头，如 X-Account")]


def gateway_faults(
    key: str, gateways: Sequence[GatewayOptions], is_target: Callable[[str], bool]
) -> list[OptionsError]:
    """What is wrong with gateways; ``is_target`` says whether a text is a place."""
    found: list[OptionsError] = []
    for index, gateway in enumerate(gateways):
        if not is_target(gateway.target):
            en = (
                f"{gateway.target!r} is neither an address with a port nor a name; "
                "write 192.0.2.7:5060 or sip.carrier.example"
            )
            zh = (
                f"{gateway.target!r} 既不是带端口的地址，也不是域名；"
                "请写如 192.0.2.7:5060 或 sip.carrier.example"
            )
            found.append(OptionsError(f"{key}[{index}].target", en, zh))
        if gateway.weight < 0 or gateway.max_calls < 0:
            en, zh = "weight and max_calls must be at least 0", "weight 和 max_calls 不能小于 0"
            found.append(OptionsError(f"{key}[{index}]", en, zh))
    return found


@lru_cache(maxsize=512)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text)
