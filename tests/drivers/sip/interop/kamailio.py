"""Kamailio as the proxy between us and others: it writes Record-Route and Path, and speaks TLS."""

import asyncio
import contextlib
from pathlib import Path

from tests.drivers.sip.interop.terminal import Terminal

# Numbers that begin with 1, and every REGISTER, go to us; all else to the peer behind it.
# What has a route set, or a Path, follows that.
CONFIG = """\
#!KAMAILIO
debug=2
log_stderror=yes
children=1
tcp_children=1
auto_aliases=no
listen=udp:127.0.0.1:{port}
listen=tcp:127.0.0.1:{port}
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/:/usr/lib/aarch64-linux-gnu/kamailio/modules/"
{tls}
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "path.so"
loadmodule "maxfwd.so"
loadmodule "siputils.so"
loadmodule "textops.so"
loadmodule "xlog.so"
modparam("path", "use_received", 1)
modparam("rr", "enable_double_rr", 1)

request_route {{
    if (!mf_process_maxfwd_header("70")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    xlog("L_WARN", "$rm from $si:$sp for $ru\\n");
    if (is_method("CANCEL")) {{ if (t_check_trans()) t_relay(); exit; }}
    if (has_totag()) {{
        if (loose_route()) {{
            if (!t_relay()) sl_reply_error();
            exit;
        }}
        if (is_method("ACK")) {{ if (t_check_trans()) t_relay(); exit; }}
        sl_send_reply("404", "Not here");
        exit;
    }}
    t_check_trans();
    if (is_method("OPTIONS") && $rU == "ping") {{ sl_send_reply("200", "Alive"); exit; }}
    if (is_method("INVITE|SUBSCRIBE")) record_route();
    if (is_method("REGISTER")) {{
        add_path_received();
        $du = "{us}";
    }} else if (is_present_hf("Route")) {{
        loose_route();
        xlog("L_WARN", "routed $rm to $du\\n");
    }} else if ($rU =~ "^1") {{
        $du = "{us}";
    }} else {{
        $du = "{behind}";
    }}
    if (!t_relay()) sl_reply_error();
}}
"""

TLS = """\
enable_tls=yes
listen=tls:127.0.0.1:{port}
loadmodule "tls.so"
modparam("tls", "config", "{profiles}")
"""
# Both ways: it shows its certificate, and wants to see one of the same authority.
PROFILE = """\
[{side}:default]
method = TLSv1.2+
certificate = {certificate}
private_key = {key}
ca_list = {authority}
verify_certificate = yes
require_certificate = yes
"""
SIDES = ("server", "client")


class Kamailio(Terminal):
    """One proxy on a port of loopback, by UDP and TCP, and on the next one by TLS if wanted."""

    def __init__(self, program: str, folder: Path, port: int) -> None:
        super().__init__(folder)
        self.program = program
        self.port = port
        self._tls = ""

    @property
    def tls_port(self) -> int:
        """Port of TLS, once there is a certificate."""
        return self.port + 1

    def show(self, certificate: Path, key: Path, authority: Path) -> None:
        """Listen by TLS too, with this certificate, and believe those of one authority."""
        profiles = self.folder / "tls.cfg"
        self.folder.mkdir(parents=True, exist_ok=True)
        files = {"certificate": certificate, "key": key, "authority": authority}
        profiles.write_text("".join(PROFILE.format(side=one, **files) for one in SIDES))
        self._tls = TLS.format(port=self.tls_port, profiles=profiles)

    async def route(self, us: str, behind: str) -> None:
        """Start it between two URIs and wait until it takes connections."""
        (self.folder / "run").mkdir(parents=True)
        config = CONFIG.format(port=self.port, us=us, behind=behind, tls=self._tls)
        (self.folder / "kamailio.cfg").write_text(config)
        await self._open()

    async def again(self) -> None:
        """End it and start it anew."""
        await self.close()
        await self._open()

    async def _open(self) -> None:
        run, config = self.folder / "run", self.folder / "kamailio.cfg"
        await self.start(
            self.program, "-f", str(config), "-DD", "-E", "-m", "16", "-M", "4", "-n", "1",
            "-Y", str(run), "-w", str(run), "-P", str(run / "pid"),
        )  # fmt: skip
        async with asyncio.timeout(10):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    writer.close()
                    return
                assert self.runs, self.printed
                await asyncio.sleep(0.02)

    def routed(self, text: str) -> int:
        """How often it reported so."""
        return self.printed.count(text)

    def end(self, process: asyncio.subprocess.Process) -> None:
        """Let it end its children too."""
        process.terminate()
