"""``hookflash why`` over the facade's socket."""

import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.__main__ import main

ROOT = Path(__file__).parents[3]
SERVER = textwrap.dedent(
    """
    import asyncio, sys
    from pathlib import Path
    from daemon.service.settings import PersonSettings, QueueSettings
    from daemon.service.socket_server import ServiceServer
    from tests.fakes.service import FakeService

    async def serve():
        service = FakeService(lambda: 1_790_000_000.0)
        service.add_queue(QueueSettings(slug="sales", name="Sales"))
        service.add_person(PersonSettings(login="anna", name="Anna"), "correct horse")
        boss = PersonSettings(login="boss", name="Boss", roles=("administrator",))
        service.add_person(boss, "battery staple")
        server = ServiceServer(service, Path(sys.argv[1]))
        await server.start()
        sys.stdout.write("ready\\n")
        sys.stdout.flush()
        await asyncio.Event().wait()

    asyncio.run(serve())
    """
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A site whose control process is a fake one."""
    path = tmp_path_factory.mktemp("w")
    (path / "hookflash.toml").write_text(f'[site]\nrun_dir = "{path / "run"}"\n')
    (path / "run").mkdir()
    words = [sys.executable, "-c", SERVER, str(path / "run" / "control.sock")]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield path
        process.terminate()


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOKFLASH_LANGUAGE", "en")


def test_an_agent(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", "--agent", "anna", "--site", str(site)]) == 0
    assert capsys.readouterr().out == "ready for 0:10\nnobody waits\n"


def test_an_agent_in_chinese_and_in_json(
    site: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["why", "--agent", "anna", "--json", "--site", str(site)]) == 0
    reasons = json.loads(capsys.readouterr().out)["reasons"]
    assert reasons[0] == {"en": "ready for 0:10", "zh": "已就绪 0:10"}
    monkeypatch.setenv("HOOKFLASH_LANGUAGE", "zh")
    assert main(["why", "--agent", "anna", "--site", str(site)]) == 0
    assert capsys.readouterr().out == "已就绪 0:10\n无人等候\n"


def test_a_call(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", "0A03ZKR000402", "--site", str(site)]) == 0
    assert " → " in capsys.readouterr().out
    assert main(["why", "0A03ZKR000402", "--json", "--site", str(site)]) == 0
    assert json.loads(capsys.readouterr().out)["decisions"]


@pytest.mark.parametrize("words", [["--agent", "nobody"], ["--agent", "anna", "--as", "nobody"]])
def test_somebody_unknown(words: list[str], site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", *words, "--site", str(site)]) == 2
    assert "the site has no person nobody" in capsys.readouterr().err


def test_refusals_are_told(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", "--agent", "anna", "--as", "boss", "--site", str(site)]) == 1
    assert "hookflash: " in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["0A03ZKR000402", "--agent", "anna"]])
def test_one_thing_at_a_time(
    words: list[str], site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["why", *words, "--site", str(site)]) == 2
    assert "name a call or an agent" in capsys.readouterr().err


def test_no_hotline_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "hookflash.toml").write_text(f'[site]\nrun_dir = "{tmp_path / "run"}"\n')
    assert main(["why", "--agent", "anna", "--site", str(tmp_path)]) == 1
    err = capsys.readouterr().err
    assert "cannot be reached" in err
    assert "start it with: hookflash run" in err
