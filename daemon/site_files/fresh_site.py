"""Writes a new site directory that works as it is, on loopback only."""

import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from string import Template
from typing import Final

import msgspec

from daemon.language import Language
from daemon.site_files import calendars, called_numbers, callers, people, queues
from daemon.site_files.calendars import CalendarEntry, CalendarsFile
from daemon.site_files.called_numbers import NumberEntry, NumbersFile
from daemon.site_files.people import PauseReasonEntry, PeopleFile, Person, StationEntry
from daemon.site_files.queues import QueueEntry, QueuesFile
from daemon.site_files.toml_writing import write_toml

SECRET_MODE: Final = 0o600
HEADERS: Final = {
    people.FILE: (
        "People, their stations and skills (level 1 to 10, 10 is best). Imported on the first\n"
        "start; after that they live in the database and are changed in the console.\n"
        "人员、分机和技能（1 到 10 级，10 最高）。首次启动时导入，之后在控制台修改。"
    ),
    queues.FILE: (
        "Queues: which skills serve them and their limits in seconds. Imported on the first start.\n"
        "队列：所需技能和时限（秒）。首次启动时导入。"
    ),
    callers.FILE: (
        "Callers who come before others: [[tiers]] with slug, name, priority, agents (logins who\n"
        "are asked first), limit_s (wait for them alone), keep_lines, and numbers (* at the end\n"
        "stands for any rest). Imported on the first start.\n"
        "优先来电者：[[tiers]] 含 slug、name、priority、agents（优先询问的座席）、limit_s（只等他们的\n"
        "时长）、keep_lines、numbers（末尾 * 代表任意后续）。首次启动时导入。"
    ),
    called_numbers.FILE: (
        "What a called number leads to: a flow of flows/, or a queue; * stands for any rest.\n"
        "Imported on the first start.\n"
        "被叫号码的去向：flows/ 中的流程或队列；* 代表任意后续数字。首次启动时导入。"
    ),
    calendars.FILE: (
        "Opening hours, several intervals a day, and the days that differ ([] is closed). Numbers\n"
        'and queues use one with: calendar = "office". Imported on the first start.\n'
        "营业时间，每天可有多个时段；days 为例外日期（[] 表示休息）。首次启动时导入。"
    ),
}
STAFF: Final = (
    ("anna", "Anna Berg", {"sales": 9, "support": 4}),
    ("ben", "Ben Carter", {"support": 8, "billing": 5}),
    ("chen", "陈晓梅", {"sales": 6, "billing": 9}),
    ("dora", "Dora Novak", {"support": 7, "sales": 5}),
    ("emil", "Emil Fox", {"billing": 6, "support": 6}),
    ("fang", "方志强", {"sales": 8, "billing": 4}),
)
FIRST_STATION: Final = 2001
MESSAGES: Final = "8500"  # dialled at a telephone to hear the messages of its mailbox
QUEUES: Final = (
    ("sales", "Sales · 销售"),
    ("support", "Support · 支持"),
    ("billing", "Billing · 账单"),
)


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """What the new site should be like."""

    name: str
    language: Language = "en"
    timezone: str = "UTC"
    sip_port: int = 5060
    web_port: int = 8080
    rtp_port_min: int = 0
    rtp_port_max: int = 0
    demo: bool = False
    """With a simulated board and exchange, and six agents instead of two."""
    exchange_device: str = ""
    """Demo: the pseudo terminal of the simulated exchange."""


class NewAgent(msgspec.Struct, frozen=True, kw_only=True):
    """An agent of the new site with what is told only once."""

    login: str
    password: str
    station: str
    secret: str
    """Password of the phone."""


class NewSite(msgspec.Struct, frozen=True, kw_only=True):
    """What was written, with the passwords that are told only once."""

    path: str
    login: str
    password: str
    agents: tuple[NewAgent, ...]
    files: tuple[str, ...]


def write_site(path: Path, wishes: Wishes, *, hash_password: Callable[[str], str]) -> NewSite:
    """Write a site into an empty or missing directory; OSError when it cannot."""
    path.mkdir(parents=True, exist_ok=True)
    agents = _agents(6 if wishes.demo else 2)
    password = one_time_password()
    tables = {
        people.FILE: write_toml(_people(agents, password, wishes, hash_password)),
        queues.FILE: write_toml(_queues()),
        callers.FILE: b"",
        called_numbers.FILE: write_toml(_numbers(wishes)),
        calendars.FILE: write_toml(_calendars()),
    }
    _write(path / "hookflash.toml", configuration(wishes).encode())
    for file, text in tables.items():
        header = "".join(f"# {line}\n" for line in HEADERS[file].splitlines())
        _write(path / file, header.encode() + b"\n" + text)
    flows = _copy_flows(path / "flows")
    (path / "prompts").mkdir(exist_ok=True)
    _make_certificate(path / "keys")
    return NewSite(
        path=str(path),
        login="admin",
        password=password,
        agents=tuple(agents),
        files=("hookflash.toml", *tables, *flows),
    )


def configuration(wishes: Wishes) -> str:
    """The text of ``hookflash.toml``."""
    texts = ["hookflash.toml"] + (["board.toml"] if wishes.demo else [])
    folder = resources.files("daemon") / "defaults" / "site"
    template = "".join((folder / name).read_text(encoding="utf-8") for name in texts)
    values = {
        key: msgspec.json.encode(value).decode()
        for key, value in msgspec.structs.asdict(wishes).items()
    }
    return Template(template).substitute(values)


def one_time_password() -> str:
    """A password that can be read out: 74 bits in five groups."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(3)) for _ in range(5))


def _agents(count: int) -> list[NewAgent]:
    return [
        NewAgent(
            login=login,
            password=one_time_password(),
            station=str(FIRST_STATION + index),
            secret=secrets.token_urlsafe(12),
        )
        for index, (login, _name, _skills) in enumerate(STAFF[:count])
    ]


def _people(
    agents: Sequence[NewAgent], password: str, wishes: Wishes, hash_password: Callable[[str], str]
) -> PeopleFile:
    administrator = Person(
        login="admin",
        name="Administrator · 管理员",
        roles=("administrator", "supervisor", "technician"),
        language=wishes.language,
        password_hash=hash_password(password),
        must_change_password=True,
    )
    staff = [
        Person(
            login=agent.login,
            name=name,
            language="zh" if not name.isascii() else wishes.language,
            password_hash=hash_password(agent.password),
            must_change_password=not wishes.demo,
            station=agent.station,
            skills=skills if wishes.demo else dict.fromkeys((s for s, _ in QUEUES), 5) | skills,
        )
        for agent, (_login, name, skills) in zip(agents, STAFF, strict=False)
    ]
    return PeopleFile(
        people=(administrator, *staff),
        stations=tuple(StationEntry(name=a.station, secret=a.secret) for a in agents),
        pause_reasons=(
            PauseReasonEntry(slug="break", en="Break", zh="休息"),
            PauseReasonEntry(slug="lunch", en="Lunch", zh="午餐"),
            PauseReasonEntry(slug="training", en="Training", zh="培训"),
        ),
    )


def _queues() -> QueuesFile:
    return QueuesFile(
        queues=tuple(
            QueueEntry(
                slug=slug,
                name=name,
                skills={slug: 1},
                ring_s=15.0,
                max_wait_s=300.0,
                wrap_up_s=10.0,
                last_agent_s=10.0,
            )
            for slug, name in QUEUES
        )
    )


def _numbers(wishes: Wishes) -> NumbersFile:
    main = NumberEntry(number="*", name="Main line · 总机", flow="main", language=wishes.language)
    messages = NumberEntry(
        number=MESSAGES, name="Messages · 收听留言", flow="messages", language=wishes.language
    )
    return NumbersFile(numbers=(main, messages))


def _calendars() -> CalendarsFile:
    day: tuple[str, ...] = ("09:00-12:30", "13:30-18:00")
    week: dict[str, tuple[str, ...]] = dict.fromkeys(("mon", "tue", "wed", "thu"), day)
    week["fri"] = ("09:00-15:00",)
    return CalendarsFile(
        calendars=(CalendarEntry(name="office", week=week, days={"2027-01-01": ()}),)
    )


def _write(path: Path, content: bytes) -> None:
    """Readable by the site's owner only: the files hold secrets of phones."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, SECRET_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def _copy_flows(target: Path) -> list[str]:
    target.mkdir(exist_ok=True)
    copied = []
    for flow in sorted(
        (resources.files("daemon") / "defaults" / "flows").iterdir(), key=lambda entry: entry.name
    ):
        if flow.name.endswith(".yaml"):
            (target / flow.name).write_bytes(flow.read_bytes())
            copied.append(f"flows/{flow.name}")
    return copied


def _make_certificate(keys: Path) -> None:
    """A self-signed certificate for the day the console leaves loopback; openssl(1) makes it."""
    keys.mkdir(mode=0o700, exist_ok=True)
    openssl = shutil.which("openssl")
    if openssl is None:
        return
    subprocess.run(
        [
            openssl,
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "825",
            "-subj",
            "/CN=hookflash",
            "-keyout",
            str(keys / "console.key"),
            "-out",
            str(keys / "console.crt"),
        ],
        check=False,
        capture_output=True,
        timeout=30,
    )
