"""A machine of its own for the units: systemd as process 1 on a copy of this one's files.

The copy is an overlay whose upper half is in memory, its network a loopback of its own, and
all mounts are in a namespace that ends with it: nothing of this machine changes. It needs root,
systemd-nspawn (Debian's systemd-container), and the system's Python of the version in use,
because the service user can read neither a home directory nor what lies in one.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

CHECKOUT: Final = Path(__file__).parents[2]
PROGRAM: Final = "/opt/hookflash"
SYSTEM_PYTHON: Final = "/usr/bin/python3"
PRIVATE_MOUNTS: Final = ("unshare", "--mount", "--propagation", "private")
ENVIRONMENT: Final = ("env", "-i", f"PATH={os.defpath}:/usr/sbin:/sbin", "LANG=C.UTF-8")
PATIENCE_S: Final = 90.0
CLONE_NEWNET: Final = 0x40000000  # setns(2)
PR_SET_PDEATHSIG: Final = 1  # prctl(2)
# What else is installed here does not start there, and no trace of a Hookflash of this machine is seen.
BOOT: Final = r"""
set -eu
mount -t tmpfs -o mode=755 tmpfs "$1"
cd "$1"
mkdir upper work root program program-work
mount -t overlay -o lowerdir=/,upperdir=upper,workdir=work overlay root
rm -rf root/opt/hookflash root/srv/hookflash root/var/log/journal root/etc/systemd/system
rm -f root/etc/machine-id
: > root/etc/machine-id
mkdir -p root/opt/hookflash root/etc/systemd/system root/etc/udev/rules.d
mount -t overlay -o "lowerdir=$2,upperdir=program,workdir=program-work" \
    overlay root/opt/hookflash
ln -sfn "$3" root/opt/hookflash/.venv/bin/python3
ln -sfn python3 root/opt/hookflash/.venv/bin/python
sed -i "s#^home = .*#home = $(dirname "$3")#" root/opt/hookflash/.venv/pyvenv.cfg
grep -rIlF --exclude-dir=__pycache__ "$2/" root/opt/hookflash/.venv/bin \
    root/opt/hookflash/.venv/lib/python*/site-packages/__editable__* |
    xargs sed -i "s#$2/#/opt/hookflash/#g"
exec env SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 systemd-nspawn --quiet --directory=root --boot \
    --private-network --register=no --keep-unit --link-journal=no --console=pipe \
    --capability=CAP_IPC_LOCK,CAP_NET_ADMIN --machine=hookflash-test systemd.unit=basic.target
"""


class Machine:
    """One such machine, from its boot to its end."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "boot.log"
        place = folder / "machine"
        place.mkdir()
        with self._log.open("wb") as log:
            self._host = subprocess.Popen(
                [
                    *PRIVATE_MOUNTS,
                    "sh",
                    "-c",
                    BOOT,
                    "boot",
                    str(place),
                    str(CHECKOUT),
                    SYSTEM_PYTHON,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Killed itself, it would leave what it started: told to end, it ends that too.
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        self.process = self._booted()
        self.root = Path(f"/proc/{self.process}/root")

    def _booted(self) -> int:
        """Wait until its systemd is up; the process that it is here."""
        deadline = time.monotonic() + PATIENCE_S
        children = Path(f"/proc/{self._host.pid}/task/{self._host.pid}/children")
        while time.monotonic() < deadline and self._host.poll() is None:
            if found := children.read_text().split():
                self.process = int(found[0])
                asked = self.try_to("systemctl", "is-active", "basic.target")
                if asked.stdout.strip() == "active":
                    return self.process
            time.sleep(0.1)
        self.end()
        raise AssertionError(f"systemd does not boot:\n{self._log.read_text()[-4000:]}")

    def end(self) -> None:
        """Switch it off; every process in it ends."""
        if self._host.poll() is None:
            with_children = Path(f"/proc/{self._host.pid}/task/{self._host.pid}/children")
            for child in with_children.read_text().split():
                os.kill(int(child), signal.SIGKILL)
        try:
            self._host.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._host.kill()
            self._host.wait()
        for folder in left_groups():
            with suppress(OSError):  # another machine is in it
                folder.rmdir()

    def try_to(
        self, *command: str, user: str = "root", said: str | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command inside."""
        enter = ["nsenter", "-t", str(self.process), "-m", "-u", "-i", "-n", "-p", "-r", "-w"]
        become = [] if user == "root" else ["runuser", "-u", user, "--"]
        return subprocess.run(
            [*enter, *ENVIRONMENT, *become, *command],
            input=said,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )

    def run(self, *command: str, user: str = "root", said: str | None = None) -> str:
        """Run a command inside that must succeed; what it printed."""
        done = self.try_to(*command, user=user, said=said)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def show(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.run("systemctl", "show", "--value", "--property", name, unit).strip()

    def processes(self, unit: str) -> list[int]:
        """The processes of a unit, by their numbers inside."""
        group = self.show(unit, "ControlGroup")
        # Numbers of processes are those of who opens the file.
        found = self.run("cat", f"/sys/fs/cgroup{group}/cgroup.procs")
        return [int(number) for number in found.split()]

    def read(self, path: str) -> str:
        """A file inside, such as one of its ``/proc``."""
        return (self.root / path.lstrip("/")).read_text()

    @contextmanager
    def network(self) -> Iterator[None]:
        """Be in its network: sockets that are made meanwhile belong to its loopback."""
        with (
            open("/proc/self/ns/net") as ours,
            open(f"/proc/{self.process}/ns/net") as its,
        ):
            _enter(its.fileno())
            try:
                yield
            finally:
                _enter(ours.fileno())


def left_groups() -> Iterator[Path]:
    """Control groups that a container leaves in ours, the innermost first."""
    mounts = {"": Path("/sys/fs/cgroup"), "name=systemd": Path("/sys/fs/cgroup/systemd")}
    if (unified := Path("/sys/fs/cgroup/unified")).is_dir():
        mounts[""] = unified
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers in mounts:
            for name in ("payload", "supervisor"):
                made = mounts[controllers] / path.lstrip("/") / name
                inside = [folder for folder in made.rglob("*") if folder.is_dir()]
                yield from sorted(inside, key=lambda folder: -len(folder.parts))
                if made.is_dir():
                    yield made


def _enter(namespace: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.setns(namespace, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def what_is_missing() -> str:
    """Why no such machine can be had here; empty when it can."""
    if os.getuid():
        return "only root can boot a machine in a container"
    for program in ("systemd-nspawn", "unshare", "nsenter"):
        if shutil.which(program) is None:
            return f"{program} is not there; packages-test.txt names what the tests need"
    tried = subprocess.run([*PRIVATE_MOUNTS, "true"], capture_output=True, text=True)
    if tried.returncode:
        return f"root may not mount here, as in most containers: {tried.stderr.strip()}"
    version = "import sys; print(*sys.version_info[:2], sep='.')"
    system = subprocess.run([SYSTEM_PYTHON, "-c", version], capture_output=True, text=True)
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    if system.stdout.strip() != ours:
        return f"{SYSTEM_PYTHON} is {system.stdout.strip()}, and the environment's is {ours}"
    return ""
