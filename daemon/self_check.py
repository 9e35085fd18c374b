"""Everything that is wrong with a site and with this machine for it, before anything runs.

Faults keep the hotline from working as configured. Notes do not: a menu without a
recognition model goes on with keys.
"""

import asyncio
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Final

import msgspec

from acd_core.routing.registry import strategies
from cython_ext.compiled_modules import ENGINE, SIP, is_built
from cython_ext.implementation import PURE_PYTHON
from daemon.config import FILE, Config, DriverSection, is_loopback, load_config
from daemon.errors import ConfigError, DaemonError, Fault, StoreEmptyError
from daemon.language import pick
from daemon.machine.condition import condition
from daemon.site_directory import SiteDirectory
from daemon.site_files import called_numbers, people, queues
from daemon.site_files.site_tables import SiteTables, flow_names, read_tables
from daemon.site_files.toml_table import did_you_mean
from daemon.store.connection import opened_store
from daemon.store.first_import import export_tables
from ivr.errors import FlowError
from ivr.flow import Flow, load_flow
from speech.errors import SpeechError
from speech.models import find_model

PACKAGES: Final = ("acd_core", "admin", "cython_ext", "daemon", "drivers", "ivr", "speech")
OUR_NAME: Final = "hookflash"


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """What was found."""

    faults: tuple[Fault, ...]
    notes: tuple[Fault, ...]


def check_site(path: Path) -> CheckResult:
    """Look at everything that can be known without starting the hotline."""
    faults: list[Fault] = []
    notes: list[Fault] = []
    config = _config(path, faults)
    tables = _tables(path, faults)
    faults += _flow_faults(path, tables)
    faults += _foreign_packages()
    notes += _kernels()
    if config is not None:
        faults += _listeners(config)
        faults += _driver_files(path, config)
        faults += _rights(path, config)
        notes += _speech(config)
        found = _machine(path)
        faults += found[0]
        notes += found[1]
    if tables is not None:
        faults += _rules(tables)
        faults += _first_password(config, tables)
        notes += _prompts(path, tables)
    return CheckResult(faults=tuple(sorted(set(faults))), notes=tuple(sorted(set(notes))))


def _config(path: Path, faults: list[Fault]) -> Config | None:
    try:
        return load_config(path)
    except ConfigError as error:
        faults.extend(error.faults)
        return None


def _tables(path: Path, faults: list[Fault]) -> SiteTables | None:
    """The tables in force: those of the database once it is filled, else of the files."""
    try:
        in_database = asyncio.run(_from_database(path))
        return in_database or read_tables(path)
    except ConfigError as error:
        faults.extend(error.faults)
    except DaemonError as error:
        faults.append(Fault(file=FILE, section="records", key="database", what=str(error)))
    return None


async def _from_database(path: Path) -> SiteTables | None:
    config = await asyncio.to_thread(load_config, path)
    database = config.records.database or path / "hookflash.db"
    if isinstance(database, Path) and not await asyncio.to_thread(database.is_file):
        return None
    try:
        async with opened_store(database, read_only=True):
            tables = await export_tables()
    except StoreEmptyError:
        return None
    return tables if tables.people.people else None


def _flow_faults(path: Path, tables: SiteTables | None) -> Iterator[Fault]:
    for name in sorted(flow_names(path)):
        file = f"flows/{name}.yaml"
        try:
            flow = load_flow((path / file).read_bytes(), name)
        except FlowError as error:
            for fault in error.faults:
                what = pick(fault.message, fault.zh)
                yield Fault(file=file, line=fault.line, section=fault.node, what=what)
        except OSError as error:
            yield Fault(file=file, what=str(error.strerror))
        else:
            if tables is not None:
                yield from _flow_references(file, flow, tables)


def _flow_references(file: str, flow: Flow, tables: SiteTables) -> Iterator[Fault]:
    slugs = {queue.slug for queue in tables.queues.queues}
    skills = tables.people.skill_names()
    for node_id, node in flow.nodes.items():
        line = flow.lines.get(node_id, 0)
        queue: object = getattr(node, "queue", "")
        named = [(str(queue), slugs)] if queue and "{" not in str(queue) else []
        named += [(skill, skills) for skill in getattr(node, "skills", ())]
        for name, known in named:
            if name not in known:
                what = pick(f"there is no {name!r}", f"没有 {name!r}")
                todo = did_you_mean(name, known)
                yield Fault(file=file, line=line, section=node_id, what=what, todo=todo)


def _foreign_packages() -> Iterator[Fault]:
    """Names of ours that another distribution has taken, such as python-daemon."""
    owners = metadata.packages_distributions()
    for package in PACKAGES:
        others = sorted({owner for owner in owners.get(package, ()) if owner != OUR_NAME})
        for owner in others:
            yield Fault(
                file="python",
                key=package,
                what=pick(f"{owner} owns this package too", f"{owner} 也占用这个包名"),
                todo=pick(
                    f"install Hookflash in an environment of its own, without {owner}",
                    f"请把 Hookflash 装在独立环境中，不要装 {owner}",
                ),
            )


def _kernels() -> Iterator[Fault]:
    """Without the compiled kernels everything can be checked, and nothing can be heard."""
    if PURE_PYTHON:
        yield Fault(
            file="system",
            key="HOOKFLASH_PURE_PYTHON",
            what=pick(
                "the kernels are plain Python: there is no audio",
                "内核为纯 Python：没有音频",
            ),
            todo=pick(
                "unset it and build the kernels: make build", "请取消此变量并编译内核：make build"
            ),
        )
        return
    if not is_built(ENGINE):
        yield Fault(
            file="system",
            key="acd_core",
            what=pick(
                "distribution runs as plain Python, at a third of its speed: "
                "its sources changed after the last build",
                "分配引擎以纯 Python 运行，速度约为三分之一：源文件在上次编译后有改动",
            ),
            todo="make build",
        )
    if not is_built(SIP):
        yield Fault(
            file="system",
            key="drivers/sip",
            what=pick(
                "SIP signalling runs as plain Python and costs more: "
                "its sources changed after the last build",
                "SIP 信令以纯 Python 运行，开销更大：源文件在上次编译后有改动",
            ),
            todo="make build",
        )


def _listeners(config: Config) -> Iterator[Fault]:
    """A SIP listener on the network needs to know whose calls it takes."""
    for driver in config.drivers:
        address = _open_to(driver.options)
        trunks: Iterable[object] = getattr(driver.options, "trunks", ())
        if not address:
            continue
        for index, trunk in enumerate(trunks):
            if not getattr(trunk, "addresses", ()):
                yield Fault(
                    file=FILE,
                    section=f"drivers.{driver.name}.trunks[{index + 1}]",
                    key="addresses",
                    what=pick(
                        f"{address} listens to the network, and this trunk is not identified",
                        f"{address} 对网络监听，而此中继没有标识",
                    ),
                    todo=pick("name the carrier's addresses", "请写运营商的地址"),
                )


def _driver_files(path: Path, config: Config) -> Iterator[Fault]:
    """Files that a driver's options name, such as certificates, must be there."""
    for driver in config.drivers:
        named = getattr(driver.options, "files", None)
        for key, name in named() if named is not None else ():
            if not (path / name).is_file():
                yield Fault(
                    file=FILE,
                    section=f"drivers.{driver.name}",
                    key=key,
                    what=pick(f"no such file: {name}", f"没有此文件：{name}"),
                    todo=pick(
                        "put it there; the path begins at the site directory",
                        "请放置该文件；路径从站点目录算起",
                    ),
                )


def _open_to(options: object) -> str:
    """The first address that a driver listens to beyond this host; empty when there is none."""
    read = getattr(options, "listeners", None)
    if read is not None:
        hosts = [str(listener.host) for listener in read()]
    else:
        hosts = [str(getattr(options, "listen", "127.0.0.1"))]
    return next((host for host in hosts if not is_loopback(host)), "")


def _first_password(config: Config | None, tables: SiteTables) -> Iterator[Fault]:
    if config is None or is_loopback(config.web.address):
        return
    for person in tables.people.people:
        if person.must_change_password and "administrator" in person.roles:
            yield Fault(
                file=people.FILE,
                section=person.login,
                key="must_change_password",
                what=pick(
                    "the console listens to the network with a one-time password",
                    "控制台对网络监听，而密码仍是一次性密码",
                ),
                todo=pick("log in on 127.0.0.1 first and change it", "请先在 127.0.0.1 登录并修改"),
            )


def _rights(path: Path, config: Config) -> Iterator[Fault]:
    try:
        site = SiteDirectory.open(path)
    except ConfigError as error:
        yield from error.faults
        return
    except (DaemonError, OSError) as error:
        yield Fault(file=FILE, section="site", key="run_dir", what=str(error))
        return
    for driver in config.drivers:
        yield from _device_faults(site, driver)
    for key in ("tls_certificate", "tls_key"):
        name: str = getattr(config.web, key)
        if name and not os.access(path / name, os.R_OK):
            what = pick(f"{name} cannot be read", f"{name} 无法读取")
            yield Fault(file=FILE, section="web", key=key, what=what)
    yield from _port_rights(config)


def _machine(path: Path) -> tuple[list[Fault], list[Fault]]:
    """Faults and notes of the machine; what keeps the site from being opened is told above."""
    try:
        return condition(SiteDirectory.open(path))
    except (DaemonError, OSError):
        return [], []


def _device_faults(site: SiteDirectory, driver: DriverSection) -> Iterator[Fault]:
    device = str(getattr(driver.options, "device", ""))
    if not device or getattr(driver.options, "simulated", False):
        return
    path = Path(device)
    # A pseudo terminal of a simulated exchange comes and goes with the simulator.
    if path.is_relative_to(site.run_dir):
        return
    section = f"drivers.{driver.name}"
    try:
        mode = path.stat().st_mode
    except OSError as error:
        what = pick(f"{device} is missing: {error.strerror}", f"{device} 不存在：{error.strerror}")
        todo = pick(
            "check the cable, then ls -l /dev/serial/by-id", "请检查线缆，再看 /dev/serial/by-id"
        )
        yield Fault(file=FILE, section=section, key="device", what=what, todo=todo)
        return
    needed = os.R_OK | (os.X_OK if stat.S_ISDIR(mode) else os.W_OK)
    if not os.access(path, needed):
        what = pick(f"{device} may not be opened by this user", f"当前用户无权打开 {device}")
        todo = pick("add the user to the device's group", "请把用户加入设备所属的组")
        yield Fault(file=FILE, section=section, key="device", what=what, todo=todo)


def _port_rights(config: Config) -> Iterator[Fault]:
    wanted = [("web", "port", config.web.port)]
    wanted += [
        (f"drivers.{driver.name}", "port", int(getattr(driver.options, "port", 0)))
        for driver in config.drivers
    ]
    for section, key, port in wanted:
        if 0 < port < _first_free_port() and os.geteuid() != 0:
            yield Fault(
                file=FILE,
                section=section,
                key=key,
                what=pick(f"port {port} needs root", f"端口 {port} 需要 root 权限"),
                todo=pick("use a port above 1023", "请用 1023 以上的端口"),
            )


def _first_free_port() -> int:
    try:
        return int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    except (OSError, ValueError):
        return 1024  # what kernels without the setting use


def _speech(config: Config) -> Iterator[Fault]:
    if shutil.which("espeak-ng") is None:
        yield Fault(
            file="system",
            key="espeak-ng",
            what=pick("not installed: prompts cannot be spoken", "未安装：无法合成提示音"),
            todo="apt-get install espeak-ng libespeak-ng1",
        )
    for language, model in config.speech.languages.items():
        if model == "pocketsphinx":
            continue
        try:
            find_model(language, model)
        except SpeechError as error:
            # English works without a model of its own, through PocketSphinx.
            if language == "en" and not model:
                continue
            what, _, todo = str(error).partition("; ")
            yield Fault(file=FILE, section="speech.languages", key=language, what=what, todo=todo)


def _rules(tables: SiteTables) -> Iterator[Fault]:
    known = strategies()
    for queue in tables.queues.queues:
        if queue.strategy not in known:
            what = pick(f"there is no rule {queue.strategy!r}", f"没有规则 {queue.strategy!r}")
            todo = did_you_mean(queue.strategy, known)
            yield Fault(file=queues.FILE, section=queue.slug, key="strategy", what=what, todo=todo)
    if not tables.numbers.numbers:
        yield Fault(
            file=called_numbers.FILE,
            what=pick(
                "no number leads anywhere: every call is refused", "没有号码：所有来电都被拒绝"
            ),
            todo=pick('add one with number = "*"', '请添加 number = "*"'),
        )


def _prompts(path: Path, tables: SiteTables) -> Iterator[Fault]:
    there = {name for file in (path / "prompts").glob("*") for name in (file.name, file.stem)}
    for queue in tables.queues.queues:
        said = queue.announcements.prompt if queue.announcements is not None else ""
        for key, name, meanwhile in (
            ("music", queue.music, ("callers hear ringback", "来电者听到回铃音")),
            ("announcements.prompt", said, ("it is left out", "播报时略过")),
        ):
            if name and name not in there:
                what = pick(f"prompts/{name} is missing", f"缺少 prompts/{name}")
                todo = pick(
                    f"upload it in the console under Prompts; until then {meanwhile[0]}",
                    f"请在控制台“提示音”页上传；在此之前{meanwhile[1]}",
                )
                yield Fault(file=queues.FILE, section=queue.slug, key=key, what=what, todo=todo)
