"""Restarts, reloads, deaths and stops of the units, and what a conversation notices of them."""

import signal
import ssl
from typing import Final

import pytest

from tests.systemd.hotline import (
    PROCESSES,
    active,
    announced,
    both_hear,
    conversation,
    journal,
    kill,
    loaded,
    new_control,
    unit,
    until,
)
from tests.systemd.installation import HANGS_AFTER_S, SITE, drop_in
from tests.systemd.machine import PROGRAM, Machine

SIP_TLS: Final = ("127.0.0.1", 5061)
pytestmark = [pytest.mark.systemd, pytest.mark.timeout(180)]


async def test_conversation_outlives_control(machine: Machine) -> None:
    async with conversation(machine) as (caller, agent):
        restarts, program = loaded(machine)
        # Another child of the loaded program: no business of systemd's.
        with new_control(machine) as worker:
            assert worker != program
            kill(machine, worker, signal.SIGKILL)
        await both_hear(caller, agent)
        assert loaded(machine) == (restarts, program)
        # The program itself: systemd starts the unit again.
        with new_control(machine):
            kill(machine, program, signal.SIGKILL)
        await both_hear(caller, agent)
        until(lambda: loaded(machine)[0] == restarts + 1, "systemd did not count a restart")
        assert loaded(machine)[1] != program
        # What an upgrade does.
        with new_control(machine):
            machine.run("systemctl", "restart", unit("control"))
        await both_hear(caller, agent)
        machine.run("systemctl", "restart", unit("media"))
        await both_hear(caller, agent)


async def test_control_that_hangs_is_found_and_its_calls_go_on(machine: Machine) -> None:
    async with conversation(machine) as (caller, agent):
        restarts, _ = loaded(machine)
        with new_control(machine) as worker:
            kill(machine, worker, signal.SIGSTOP)
        await both_hear(caller, agent)
        assert loaded(machine)[0] == restarts + 1
    told = machine.run("journalctl", "--unit", unit("control"), "--output", "cat")
    assert f"Watchdog timeout (limit {HANGS_AFTER_S}s)" in told
    # It wrote down where it was.
    assert "daemon/commands/control.py" in told


def test_processes_tell_that_they_live(machine: Machine) -> None:
    before = {name: machine.show(unit(name), "WatchdogTimestampMonotonic") for name in PROCESSES}
    assert all(int(told) > 0 for told in before.values())
    later = int(machine.show(unit("control"), "WatchdogTimestampMonotonic"))
    until(
        lambda: int(machine.show(unit("control"), "WatchdogTimestampMonotonic")) > later,
        "control gives no sign of life",
    )


def test_reload_takes_a_renewed_certificate_and_restarts_nothing(machine: Machine) -> None:
    old = ssl.get_server_certificate(SIP_TLS)
    before = loaded(machine), announced(machine, "control")["pid"]
    made = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=renewed")
    files = ("-keyout", f"{SITE}/keys/console.key", "-out", f"{SITE}/keys/console.crt")
    machine.run("openssl", *made, *files, user="hookflash")
    machine.run("systemctl", "reload", unit("control"))
    until(lambda: ssl.get_server_certificate(SIP_TLS) != old, "it was not read", seconds=5.0)
    assert (loaded(machine), announced(machine, "control")["pid"]) == before
    assert active(machine)["control"] == "active"


async def test_stop_of_the_site_ends_its_calls(machine: Machine) -> None:
    async with conversation(machine) as (caller, agent):
        # The command waits for the units that it names.
        machine.run("systemctl", "stop", "hookflash@main.target", "hookflash-*@main.service")
        # Both were told: neither has to find out by silence.
        await caller.call.ended.wait()
        await agent.call.ended.wait()
        assert active(machine) == dict.fromkeys(PROCESSES, "inactive")
        told = [line for line in journal(machine, "control") if line["event"] == "control stops"]
        assert told[-1]["signal"] == "SIGINT"
        check = ("hookflash", "check", SITE, "--records")
        machine.run(f"{PROGRAM}/.venv/bin/{check[0]}", *check[1:], user="hookflash")
        # A site of an older version has fewer folders: units that need them find them in the end.
        for folder in ("faxes", "incoming"):
            machine.run("mv", f"{SITE}/{folder}", f"/srv/hookflash/{folder}-before")
        machine.run("systemctl", "start", "hookflash@main.target")
        running = dict.fromkeys(PROCESSES, "active")
        until(lambda: active(machine) == running, "the units do not start")


def test_nobody_is_given_up_who_dies_often(machine: Machine) -> None:
    # Six times in ten seconds is more than systemd allows a unit that says nothing of it.
    drop_in(machine, "hookflash-web", "RestartSec=0")
    machine.run("systemctl", "daemon-reload")
    until(lambda: active(machine)["web"] == "active", "the console does not run")
    for _ in range(6):
        died = machine.show(unit("web"), "MainPID")
        kill(machine, int(died), signal.SIGKILL)
        until(lambda died=died: machine.show(unit("web"), "MainPID") not in ("0", died), "given up")
    until(lambda: active(machine)["web"] == "active", "the console does not come back")
