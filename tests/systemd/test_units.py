"""The units under a real systemd: readiness, rights, the journal."""

import re
from typing import Final

import pytest

from drivers.sip.options import SipOptions
from tests.systemd.hotline import PROCESSES, active, announced, journal, status, unit
from tests.systemd.installation import PAGE
from tests.systemd.machine import Machine

pytestmark = [pytest.mark.systemd, pytest.mark.timeout(180)]

EXPOSED: Final = dict(
    re.findall(r"^\| `hookflash-(\w+)@NAME`.*\| ([\d.]+) \|$", PAGE.read_text(), re.MULTILINE)
)
"""What ``systemd-analyze security`` finds, as the page says: 0 is nothing, 10 everything."""
CAP_SYS_NICE, CAP_IPC_LOCK = 23, 14  # linux/capability.h


def test_every_process_is_ready_and_has_no_more_rights_than_it_needs(machine: Machine) -> None:
    assert active(machine) == dict.fromkeys(PROCESSES, "active")
    for name in PROCESSES:
        for process in machine.processes(unit(name)):
            has = status(machine, process)
            assert set(has["Uid"].split()) == {machine.run("id", "-u", "hookflash").strip()}
            assert (has["NoNewPrivs"], has["Seccomp"]) == ("1", "2")
            # The second right replaces a limit that a container may not raise.
            granted = 1 << CAP_SYS_NICE | 1 << CAP_IPC_LOCK if name == "media" else 0
            assert int(has["CapEff"], 16) == int(has["CapBnd"], 16) == granted


def test_audio_is_in_real_time_and_its_memory_locked(machine: Machine) -> None:
    told = announced(machine, "media")
    assert told["scheduling"] == "fifo 20"
    assert set(told["missing"]) <= {"socket-buffers"}
    assert int(status(machine, told["pid"])["VmLck"].split()[0]) > 10_000
    threads = machine.run("chrt", "--all-tasks", "--pid", str(told["pid"]))
    assert "SCHED_FIFO" in threads
    # An ordinary thread of real-time priority would keep the others from the processor.
    assert f"pid {told['pid']}'s current scheduling policy: SCHED_OTHER" in threads


def test_there_are_descriptors_for_every_connection(machine: Machine) -> None:
    for name in ("media", "control", "web"):
        limits = machine.read(f"proc/{machine.show(unit(name), 'MainPID')}/limits")
        found = re.search(r"Max open files +(\d+)", limits)
        assert found is not None
        assert int(found[1]) > SipOptions().connections_max


@pytest.mark.parametrize("name", sorted(EXPOSED))
def test_unit_is_confined(machine: Machine, name: str) -> None:
    told = machine.run("systemd-analyze", "security", "--no-pager", unit(name))
    found = re.search(r"exposure level for \S+: ([\d.]+)", told)
    assert found is not None
    assert float(found[1]) <= float(EXPOSED[name]), told


def test_units_have_no_fault_that_systemd_knows(machine: Machine) -> None:
    names = [unit(name) for name in EXPOSED] + ["hookflash@main.target"]
    told = machine.try_to("systemd-analyze", "verify", "--man=no", *names)
    assert (
        told.returncode,
        [line for line in told.stderr.splitlines() if "hookflash" in line],
    ) == (0, [])


def test_log_is_in_the_journal(machine: Machine) -> None:
    for name, event in (
        ("media", "media engine runs"),
        ("speech", "speech is ready"),
        ("control", "control is ready"),
        ("web", "console ready"),
    ):
        assert event in {line["event"] for line in journal(machine, name)}
    told = machine.run("journalctl", "--unit", unit("speech"), "--output", "cat")
    assert [line for line in told.splitlines() if "secure directory" in line] == []
