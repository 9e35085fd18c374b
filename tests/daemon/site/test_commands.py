import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cython_ext.compiled_modules import ENGINE, SIP, Group
from daemon import self_check
from daemon.__main__ import main
from daemon.command_line import all_commands, broken_commands, find_command

Run = Callable[..., "Result"]


class Result:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.out)
        return found


@pytest.fixture
def hookflash(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Run:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    (tmp_path / "runtime").mkdir()
    for name in ("HOOKFLASH_SITE", "HOOKFLASH_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Result:
        try:
            code = main(words)
        except SystemExit as leaving:  # --help and --version leave through argparse
            code = int(leaving.code or 0)
        out, err = capsys.readouterr()
        return Result(code, out, err)

    return run


def test_help_lists_every_command_with_one_line(hookflash: Run) -> None:
    found = hookflash("--help")
    assert found.code == 0
    assert broken_commands() == {}
    for command in all_commands():
        assert command.name in found.out
        assert command.summary().split()[0] in found.out
    assert {"init", "check", "run"} <= {command.name for command in all_commands()}


@pytest.mark.parametrize("language", ["en_US.UTF-8", "zh_CN.UTF-8"])
def test_every_command_has_help(
    hookflash: Run, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    monkeypatch.setenv("LANG", language)
    for command in all_commands():
        found = hookflash(command.name, "--help")
        assert found.code == 0
        assert command.summary() in found.out
        assert ("用法：" if language.startswith("zh") else "usage: ") in found.out


def test_wrong_usage_is_exit_code_2_on_stderr(hookflash: Run) -> None:
    for words in ((), ("nothing",), ("--nothing",), ("check", "--nothing"), ("init",)):
        found = hookflash(*words)
        assert found.code == 2
        assert found.err
        assert not found.out


def test_without_a_site_it_says_what_to_do(hookflash: Run, tmp_path: Path) -> None:
    found = hookflash("check")
    assert found.code == 2
    assert "--site DIR" in found.err
    found = hookflash("check", str(tmp_path / "nowhere"))
    assert found.code == 2
    assert "hookflash init" in found.err


def test_version_is_told(hookflash: Run) -> None:
    assert hookflash("--version").out.startswith("hookflash ")


@pytest.mark.parametrize("more", [[], ["--demo"]])
def test_a_fresh_site_has_no_fault(hookflash: Run, tmp_path: Path, more: list[str]) -> None:
    made = hookflash("init", "site", *more, "--json")
    assert made.code == 0
    assert made.json["login"] == "admin"
    assert len(made.json["agents"]) == (6 if more else 2)  # type: ignore[arg-type]
    found = hookflash("check", "site", "--json")
    assert found.json["faults"] == []
    assert found.code == 0


def test_the_site_is_found_in_four_ways(
    hookflash: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hookflash("init", "site")
    assert hookflash("check", "site").code == 0
    assert hookflash("check", "--site", "site").code == 0
    monkeypatch.chdir(tmp_path / "site")
    assert hookflash("check").code == 0
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOOKFLASH_SITE", str(tmp_path / "site"))
    assert hookflash("check").code == 0


def test_secrets_are_readable_by_the_owner_only(hookflash: Run, tmp_path: Path) -> None:
    password = hookflash("init", "site", "--json").json["password"]
    people = tmp_path / "site" / "people.toml"
    assert stat.S_IMODE(people.stat().st_mode) == 0o600
    assert str(password) not in people.read_text()


def test_init_leaves_a_directory_with_files_alone(hookflash: Run, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "thesis.txt").write_text("years of work")
    found = hookflash("init", "site")
    assert found.code == 2
    assert os.listdir(tmp_path / "site") == ["thesis.txt"]


def test_ports_are_as_asked(hookflash: Run, tmp_path: Path) -> None:
    hookflash("init", "site", "--port-base", "15060", "--web-port", "0")
    text = (tmp_path / "site" / "hookflash.toml").read_text()
    for line in ("port = 15060", "port = 0", "rtp_port_min = 15062", "rtp_port_max = 15461"):
        assert line in text
    assert hookflash("init", "other", "--sip-port", "70000").code == 2


def test_check_lists_all_faults_of_all_files(hookflash: Run, tmp_path: Path) -> None:
    hookflash("init", "site")
    site = tmp_path / "site"
    with (site / "hookflash.toml").open("a") as file:
        file.write('[drivers.link]\ndriver = "ctilink"\ndevice = "/dev/nothing"\n')
    with (site / "queues.toml").open("a") as file:
        file.write('[[queues]]\nslug = "vip"\nstrategy = "longest_idel"\n')
    (site / "flows" / "bad.yaml").write_text("version: 1\n")
    flow = (site / "flows" / "main.yaml").read_text()
    (site / "flows" / "main.yaml").write_text(flow.replace('queue: "{topic}"', "queue: salse"))
    found = hookflash("check", "site")
    assert found.code == 2
    for text in (
        "[drivers.link] device: /dev/nothing is missing",
        "longest_idle",
        "flows/bad.yaml:",
        "did you mean 'sales'?",
    ):
        assert text in found.err


def test_a_listener_on_the_network_needs_identified_trunks_and_a_new_password(
    hookflash: Run, tmp_path: Path
) -> None:
    hookflash("init", "site")
    path = tmp_path / "site" / "hookflash.toml"
    text = path.read_text().replace('listen = "127.0.0.1"', 'listen = "192.0.2.1"')
    text = text.replace('addresses = ["127.0.0.0/8"]', 'target = "192.0.2.7:5060"')
    text = text.replace('address = "127.0.0.1"\nport', 'address = "192.0.2.1"\nport')
    text = text.replace("# tls_", "tls_")
    path.write_text(text)
    found = hookflash("check", "site")
    assert "this trunk is not identified" in found.err
    assert "one-time password" in found.err
    assert found.code == 2


def test_a_package_that_owns_our_name_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    owners = {"daemon": ["hookflash", "python-daemon"], "ivr": ["hookflash"]}
    monkeypatch.setattr(self_check.metadata, "packages_distributions", lambda: owners)
    (fault,) = self_check._foreign_packages()
    assert fault.key == "daemon"
    assert "python-daemon" in fault.what


def test_records_of_a_started_site_are_checked(hookflash: Run, tmp_path: Path) -> None:
    hookflash("init", "site")
    code = (
        "import asyncio, sys; from pathlib import Path\n"
        "from daemon.site_directory import SiteDirectory\n"
        "from daemon.store.connection import open_database\n"
        "async def main():\n"
        "    store = await open_database(SiteDirectory.open(Path(sys.argv[1])))\n"
        "    await store.close()\n"
        "asyncio.run(main())\n"
    )
    subprocess.run([sys.executable, "-c", code, "site"], check=True, timeout=60)
    found = hookflash("check", "site", "--records", "--json")
    assert found.json["records"] == {"calls": 0, "visits": 0, "queues": [], "faults": []}
    assert found.code == 0
    assert hookflash("export", "--site", "site", "--to", "out").code == 0
    assert '[[queues]]\nslug = "sales"' in (tmp_path / "out" / "queues.toml").read_text()
    assert hookflash("export", "--site", "site", "--to", "out").code == 2


def test_a_command_is_found_without_loading_the_others() -> None:
    code = (
        "import sys; from daemon.command_line import find_command; find_command('init');"
        "print('daemon.commands.run' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "False\n", result.stderr
    assert find_command("init") is not None


@pytest.mark.parametrize(("language", "says"), [("en", "there is no audio"), ("zh", "没有音频")])
def test_without_compiled_kernels_check_and_run_say_that_there_is_no_audio(
    tmp_path: Path, language: str, says: str
) -> None:
    site = tmp_path / "site"
    environment = {
        **os.environ,
        "HOOKFLASH_PURE_PYTHON": "1",
        "HOOKFLASH_LANGUAGE": language,
        "XDG_RUNTIME_DIR": str(tmp_path),
    }

    def hookflash(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "daemon", *words, str(site)]
        return subprocess.run(command, env=environment, capture_output=True, text=True)

    assert hookflash("init").returncode == 0
    checked = hookflash("check")
    assert (checked.returncode, says in checked.stderr) == (0, True)
    started = hookflash("run")
    assert (started.returncode, says in started.stderr) == (2, True)


@pytest.mark.parametrize(
    ("built", "noted"),
    [((ENGINE, SIP), []), ((SIP,), ["acd_core"]), ((ENGINE,), ["drivers/sip"])],
)
def test_check_says_what_is_not_compiled(
    monkeypatch: pytest.MonkeyPatch, built: tuple[Group, ...], noted: list[str]
) -> None:
    monkeypatch.setattr(self_check, "is_built", lambda group: group in built)
    monkeypatch.setattr(self_check, "PURE_PYTHON", False)
    assert [note.key for note in self_check._kernels()] == noted


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("demo", "--bogus"), "无法识别的参数：--bogus"),
        (("init", "--timezone"), "参数 --timezone：需要一个值"),
        (("init", "--sip-port", "x"), "参数 --sip-port：值 'x' 无效"),
    ],
)
def test_wrong_usage_is_told_in_chinese(
    hookflash: Run, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], says: str
) -> None:
    monkeypatch.setenv("HOOKFLASH_LANGUAGE", "zh")
    found = hookflash(*words)
    assert found.code == 2
    assert says in found.err


def test_faults_of_flows_and_drivers_are_told_in_chinese(
    hookflash: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    assert hookflash("init", str(site)).code == 0
    (site / "flows" / "bad.yaml").write_text("version: 2\n")
    with (site / "hookflash.toml").open("a") as file:
        file.write('\n[drivers.board]\ndriver = "voiceboard"\nchannels = []\n')
    monkeypatch.setenv("HOOKFLASH_LANGUAGE", "zh")
    found = hookflash("check", str(site))
    assert found.code == 2
    assert "flows/bad.yaml:1: version：2 大于 1\n" in found.err
    assert "[drivers.board] channels: 请至少写板卡的一个端口\n" in found.err
