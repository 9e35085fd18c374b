"""SIP listeners in ``hookflash.toml``: what ``check`` says about them, with file and line."""

from pathlib import Path
from typing import NamedTuple

import pytest

from daemon.__main__ import main


class Result(NamedTuple):
    code: int
    err: str


@pytest.fixture
def hookflash(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("HOOKFLASH_LANGUAGE", "en")
    monkeypatch.delenv("HOOKFLASH_SITE", raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Result:
        code = main(words)
        return Result(code, capsys.readouterr().err)

    return run


def with_listen(hookflash, tmp_path: Path, listen: str, more: str = "") -> Path:
    hookflash("init", "site")
    path = tmp_path / "site" / "hookflash.toml"
    text = path.read_text().replace('listen = "127.0.0.1"', f"listen = {listen}")
    path.write_text(text.replace("[[drivers.sip.trunks]]", f"{more}\n[[drivers.sip.trunks]]", 1))
    return path


def test_several_listeners_are_taken(hookflash, tmp_path: Path) -> None:
    with_listen(hookflash, tmp_path, '["udp:127.0.0.1:5060", "tcp:[::1]:5060", "ws:127.0.0.1"]')
    assert hookflash("check", "site").code == 0


def test_wrong_listener_is_named_with_its_line(hookflash, tmp_path: Path) -> None:
    path = with_listen(hookflash, tmp_path, '["udp:127.0.0.1:5060", "sctp:127.0.0.1"]')
    found = hookflash("check", "site")
    lines = path.read_text().splitlines()
    number = next(n for n, line in enumerate(lines, 1) if line.startswith("listen"))
    assert f"hookflash.toml:{number} [drivers.sip] listen: 'sctp:127.0.0.1' names no" in found.err
    assert found.code == 2


def test_tls_needs_a_certificate_and_its_file(hookflash, tmp_path: Path) -> None:
    path = with_listen(hookflash, tmp_path, '["tls:127.0.0.1:5061"]')
    assert "[drivers.sip] certificates: needed to listen with tls" in hookflash("check", "site").err
    names = '[[drivers.sip.certificates]]\ncertificate = "keys/console.crt"\n'
    names += 'private_key = "keys/missing.key"\n'
    text = path.read_text().replace("[[drivers.sip.trunks]]", f"{names}\n[[drivers.sip.trunks]]", 1)
    path.write_text(text)
    found = hookflash("check", "site")
    assert "certificates[0].private_key: no such file: keys/missing.key" in found.err
    path.write_text(text.replace("missing.key", "console.key"))
    assert hookflash("check", "site").code == 0


def test_listener_on_the_network_among_others_needs_identified_trunks(
    hookflash, tmp_path: Path
) -> None:
    path = with_listen(hookflash, tmp_path, '["udp:127.0.0.1:5060", "tcp:192.0.2.1:5060"]')
    text = path.read_text().replace('addresses = ["127.0.0.0/8"]', 'target = "192.0.2.7:5060"')
    path.write_text(text)
    found = hookflash("check", "site")
    assert "192.0.2.1 listens to the network, and this trunk is not identified" in found.err
