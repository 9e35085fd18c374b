"""Hookflash on the machine, installed as ``docs/install/systemd.md`` says."""

import re
from typing import Final

from tests.systemd.machine import CHECKOUT, Machine

PAGE: Final = CHECKOUT / "docs/install/systemd.md"
SITE: Final = "/srv/hookflash/main"
FAX_FLOW: Final = """\
version: 1
title: Fax
languages: [en]
start: fax
nodes:
  fax: {kind: fax, mailbox: "2001", station: "5557000", received: end}
  end: {kind: hang_up}
"""
QUEUE_NUMBER: Final = "7000"
FAX_NUMBER: Final = "7001"
NUMBERS: Final = f"""
[[numbers]]
number = "{QUEUE_NUMBER}"
queue = "sales"

[[numbers]]
number = "{FAX_NUMBER}"
flow = "fax"
"""
OUTSIDE: Final = "5550199"
OUTGOING: Final = """
[outgoing]
lines = ["trunk"]

[telephones]
allowed = ["555"]
"""
SIP: Final = """\
listen = ["udp:0.0.0.0:5060", "tls:127.0.0.1:5061"]
advertise = "127.0.0.1"
certificates = [{{certificate = "keys/console.crt", private_key = "keys/console.key"}}]
bans_file = "sip-bans.nft"
ban_s = {ban_s}
"""
HANGS_AFTER_S: Final = 4
BAN_S: Final = 6
# The network of the machine: a stranger's address is one more of its own.
STRANGER: Final = "203.0.113.9"


def commands_of_the_page() -> list[str]:
    """The page's commands for an installation, one script a block, for who is root already.

    A container has no device manager, so nothing is said to it.
    """
    part = PAGE.read_text().partition("\n## Install\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"```\n(.*?)```", part, re.DOTALL)
    without = [re.sub(r"^sudo udevadm .*\n", "", block, flags=re.MULTILINE) for block in blocks]
    return [
        re.sub(r"^sudo ", "", block.replace("sudo -u", "runuser -u"), flags=re.MULTILINE)
        for block in without
    ]


def set_up_site(machine: Machine) -> None:
    """Two numbers, SIP for all addresses and over TLS, a ban of some seconds."""
    site = machine.root / SITE.lstrip("/")
    toml = site / "hookflash.toml"
    sip = SIP.format(ban_s=BAN_S)
    text = toml.read_text() + OUTGOING
    toml.write_text(text.replace('listen = "127.0.0.1"\n', sip, 1))
    numbers = site / "numbers.toml"
    numbers.write_text(numbers.read_text() + NUMBERS)
    queues = site / "queues.toml"
    queues.write_text(
        re.sub(r"^wrap_up_s = .*$", "wrap_up_s = 0.0", queues.read_text(), flags=re.M)
    )
    (site / "flows" / "fax.yaml").write_text(FAX_FLOW)


def drop_in(machine: Machine, unit: str, text: str) -> None:
    """Change a unit as an administrator would."""
    folder = machine.root / f"etc/systemd/system/{unit}@.service.d"
    folder.mkdir(exist_ok=True)
    with (folder / "test.conf").open("a") as file:
        file.write(f"[Service]\n{text}\n")


def install(machine: Machine) -> None:
    """Follow the page, and change between its steps what the tests need."""
    install_units, make_site, start = commands_of_the_page()
    machine.run("sh", "-ec", install_units)
    machine.run("sh", "-ec", make_site)
    set_up_site(machine)
    # Nobody waits half a minute here until somebody is found hanging.
    drop_in(machine, "hookflash-control", f"WatchdogSec={HANGS_AFTER_S}")
    # A machine in a container may be refused the limits that a real one sets.
    drop_in(machine, "hookflash-media", "AmbientCapabilities=CAP_IPC_LOCK")
    drop_in(machine, "hookflash-media", "CapabilityBoundingSet=CAP_IPC_LOCK")
    machine.run("ip", "address", "add", f"{STRANGER}/32", "dev", "lo")
    machine.run("sh", "-ec", start)
