import json
import stat
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from daemon.__main__ import main
from daemon.errors import ConfigError
from daemon.site_files.site_tables import read_tables
from daemon.site_import.report import Finding

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def hookflash(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Run:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("HOOKFLASH_LANGUAGE", "en")
    (tmp_path / "runtime").mkdir()

    def run(*words: str) -> tuple[int, str, str]:
        code = main(words)
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def site(hookflash: Run, tmp_path: Path) -> Path:
    path = tmp_path / "site"
    assert hookflash("init", str(path), "--timezone", "UTC", "--port-base", "15000")[0] == 0
    (path / "queues.toml").write_text('[[queues]]\nslug = "old"\nname = "Old one"\n')
    return path


@pytest.mark.parametrize("source", ["queues.conf", "callcenter.conf.xml"])
def test_an_imported_site_passes_check(hookflash: Run, site: Path, data: Path, source: str) -> None:
    code, out, err = hookflash("import", str(data / source), "--into", str(site))
    assert (code, err) == (0, "")
    assert "not supported: " in out
    assert hookflash("check", str(site))[0] == 0
    tables = read_tables(site)
    slugs = [queue.slug for queue in tables.queues.queues]
    assert slugs[0] == "old"
    assert "support" in slugs
    # Who was there keeps password and roles.
    admin = next(person for person in tables.people.people if person.login == "admin")
    assert admin.password_hash
    assert all(station.secret for station in tables.people.stations)
    for name in ("people.toml", "people.toml.before-import"):
        assert stat.S_IMODE((site / name).stat().st_mode) == 0o600


def test_json_lists_every_finding(hookflash: Run, site: Path, data: Path) -> None:
    code, out, _ = hookflash("import", str(data / "queues.conf"), "--into", str(site), "--json")
    assert code == 0
    found = json.loads(out)
    findings = [msgspec.convert(one, Finding) for one in found["findings"]]
    assert sum(found["counts"].values()) == len(findings) > 40
    assert found["queues"] == ["sales", "support", "front-desk"]
    assert set(found["stations"]) == {"2101", "2102", "2103", "2201", "2202"}
    assert found["written"] is True


def test_dry_run_writes_nothing_and_needs_no_site(hookflash: Run, site: Path, data: Path) -> None:
    before = {path: path.read_bytes() for path in site.iterdir() if path.is_file()}
    for words in ((), ("--into", str(site))):
        code, out, _ = hookflash("import", str(data / "queues.conf"), "--dry-run", *words)
        assert code == 0
        assert 'slug = "front-desk"' in out
    assert {path: path.read_bytes() for path in site.iterdir() if path.is_file()} == before


def test_a_queue_that_is_there_is_replaced_only_on_demand(
    hookflash: Run, site: Path, data: Path
) -> None:
    words = ("import", str(data / "queues.conf"), "--into", str(site))
    assert hookflash(*words)[0] == 0
    code, _, err = hookflash(*words)
    assert code == 2
    assert "queues.toml [sales]: is there already (--replace" in err
    first = read_tables(site)
    assert hookflash(*words, "--replace")[0] == 0
    # The same import again changes nothing: phones keep their passwords.
    assert read_tables(site) == first
    assert (site / "queues.toml.before-import").read_text().startswith('[[queues]]\nslug = "old"')
    assert (site / "queues.toml.before-import-2").is_file()


def test_people_who_are_there_keep_what_they_have(
    hookflash: Run, site: Path, tmp_path: Path
) -> None:
    before = {person.login: person for person in read_tables(site).people.people}
    source = tmp_path / "queues.conf"
    source.write_text(
        "[q]\nmember => SIP/2999,0,Anna\nmember => SIP/2002,1,Maria\nmember => SIP/2003,2,Admin\n"
    )
    code, out, _ = hookflash("import", str(source), "--into", str(site))
    assert code == 0
    assert "maria has no station: 2002 is the telephone of ben" in out
    after = {person.login: person for person in read_tables(site).people.people}
    assert after["anna"] == msgspec.structs.replace(
        before["anna"], skills=before["anna"].skills | {"q": 10}
    )
    assert after["ben"] == before["ben"]
    assert (after["maria"].station, after["maria"].skills) == ("", {"q": 9})
    assert after["admin"].roles == (*before["admin"].roles, "agent")
    assert after["admin"].password_hash == before["admin"].password_hash
    assert hookflash("check", str(site))[0] == 0


def test_a_site_that_was_started_is_left_alone(hookflash: Run, site: Path, data: Path) -> None:
    import asyncio

    from daemon.site_directory import SiteDirectory
    from daemon.store.connection import open_database

    async def start() -> None:
        await (await open_database(SiteDirectory.open(site))).close()

    asyncio.run(start())
    code, _, err = hookflash("import", str(data / "queues.conf"), "--into", str(site))
    assert code == 1
    assert "its database counts" in err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[q]\n#include x\n", "source.conf:2: #include is not followed"),
        (b"[general]\n", "there is no queue"),
        (b"<configuration>", "source.conf:1: is not XML"),
    ],
)
def test_faults_are_told_with_file_and_line(
    hookflash: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "source.conf").write_bytes(content)
    code, out, err = hookflash("import", "source.conf", "--dry-run")
    assert (code, out) == (2, "")
    assert words in err


def test_wrong_usage_says_what_to_do(hookflash: Run, tmp_path: Path, data: Path) -> None:
    source = str(data / "queues.conf")
    assert hookflash("import", source)[0] == 2
    assert hookflash("import", str(tmp_path / "missing"), "--dry-run")[0] == 2
    assert "hookflash init" in hookflash("import", source, "--into", str(tmp_path))[2]


def test_a_broken_site_is_not_written_to(hookflash: Run, site: Path, data: Path) -> None:
    (site / "numbers.toml").write_text('[[numbers]]\nnumber = "*"\nqueue = "gone"\n')
    before = (site / "people.toml").read_bytes()
    code, _, err = hookflash("import", str(data / "queues.conf"), "--into", str(site))
    assert code == 2
    assert "numbers.toml" in err
    assert (site / "people.toml").read_bytes() == before
    with pytest.raises(ConfigError):
        read_tables(site)


def test_the_account_is_there_in_chinese(
    hookflash: Run, monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    monkeypatch.setenv("HOOKFLASH_LANGUAGE", "zh")
    _, out, _ = hookflash("import", str(data / "queues.conf"), "--dry-run")
    report = out.partition("\n# people.toml")[0]
    assert "不支持: 4" in report
    for phrase in ("not supported", "mapped", "telephone", "this site"):
        assert phrase not in report
