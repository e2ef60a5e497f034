"""The real wpa_supplicant, as the node would run it, on a link without a radio: there is none on the machines that test.

What this proves: its user and two capabilities are enough to come up, it takes every kind of network that a WifiConfig can
hold (and refuses lines that are wrong), and the brain's client speaks with it. What only a radio proves is in
tests/vm/test_wifi.py.
"""

import asyncio
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from controllers.config.documents import WifiConfig, WifiNetwork, WifiSecurity
from controllers.machine.files_apply import write_file
from controllers.network import wifi_watch
from controllers.network.wifi_config import WifiConfigController
from controllers.network.wifi_control import WifiControl, WifiControlError
from controllers.network.wifi_service import WifiServiceController
from controllers.network.wifi_watch import WifiWatch
from controllers.ports import Paths, Ports
from controllers.resources.machine import FileSpec, FileStatus
from controllers.resources.network import LinkStatus
from controllers.resources.services import ServiceSpec
from controllers.runtime.clock import SystemClock
from controllers.runtime.resource import new
from init.linux.caps import change_user, set_no_new_privs
from tests.harness.reconcile import run_reconcile
from tests.kernel.network.conftest import ip

pytestmark = pytest.mark.kernel

PATH = "/run/ophite/wifi/wlan0.conf"
NETWORKS = (
    WifiNetwork(ssid="office", passphrase="correct horse battery staple", priority=10),
    WifiNetwork(ssid='a"b\n}#', passphrase='"}\\#' + "p" * 59, security=WifiSecurity.WPA2_PERSONAL, hidden=True),
    WifiNetwork(ssid="x" * 32, passphrase="AB" * 32, security=WifiSecurity.WPA2_PERSONAL, bssid="02:00:00:00:00:0A"),
    WifiNetwork(ssid="new", passphrase='pä"ss', security=WifiSecurity.WPA3_PERSONAL),
    WifiNetwork(ssid="guests", security=WifiSecurity.OPEN),
)
DOCUMENT = WifiConfig(name="wlan0", country="DE", networks=NETWORKS)


class Supplicant:
    """A node's wpa_supplicant below a directory: its file and its service as the controllers want them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.socket = root / "run/ophite/wifi/control/wlan0"
        self.process: subprocess.Popen[str] | None = None
        (root / "usr/bin").mkdir(parents=True)
        (root / "usr/bin/wpa_supplicant").touch()
        ports = Ports(paths=Paths(root))
        document = new("wlan0", DOCUMENT)
        [file] = run_reconcile(WifiConfigController(ports), [document])
        assert isinstance(file.spec, FileSpec)
        self.file = file.spec
        self.text = self.file.content.replace("/run/ophite", str(root / "run/ophite"))
        self.write(self.text)
        written = new(PATH, FileStatus(path=PATH, sha256="1" * 64))
        link = new("wlan0", LinkStatus(name="wlan0", index=2))
        [service] = run_reconcile(WifiServiceController(ports), [document, written, link])
        assert isinstance(service.spec, ServiceSpec)
        self.service = service.spec

    def write(self, text: str) -> None:
        """Put a configuration file there as the node would."""
        write_file(self.root / PATH.lstrip("/"), text.encode(), self.file)

    def start(self) -> "subprocess.Popen[str]":
        """Run it, with the driver for links without a radio."""
        program = shutil.which("wpa_supplicant", path="/usr/sbin:/sbin:/usr/bin")
        if program is None:
            pytest.skip("needs the package wpasupplicant")
        argv = [word.replace("/run/ophite", str(self.root / "run/ophite")) for word in self.service.argv]
        argv[0], argv[argv.index("nl80211")] = program, "none"
        self.process = subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=self._become
        )
        return self.process

    def _become(self) -> None:
        """As PID 1 does (init/process.py)."""
        change_user(self.service.uid, self.service.gid, self.service.groups, self.service.capabilities)
        if self.service.no_new_privs:
            set_no_new_privs()

    def stop(self, number: int = signal.SIGTERM) -> str:
        """End it; return what it said."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.communicate(timeout=10)[0]

    async def connect(self) -> WifiControl:
        """Connect once it listens, within ten seconds."""
        for _ in range(200):
            try:
                return WifiControl(self.socket, SystemClock())
            except WifiControlError:
                await asyncio.sleep(0.05)
        pytest.fail(f"no socket: {self.stop()}")


@pytest.fixture
def supplicant(isolated: None) -> Iterator[Supplicant]:
    """One that is not started yet, below a directory that its user may enter, with a link called wlan0."""
    ip("link", "add", "wlan0", "type", "veth", "peer", "name", "far0")
    with tempfile.TemporaryDirectory(prefix="wifi-") as directory:
        Path(directory).chmod(0o755)
        found = Supplicant(Path(directory))
        yield found
        if found.process is not None and found.process.poll() is None:
            found.process.kill()
            found.process.communicate(timeout=10)


def find_status(process: "subprocess.Popen[str]") -> dict[str, str]:
    """What the kernel says about a process (proc_pid_status(5))."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


async def test_it_runs_without_root_and_takes_every_kind_of_network(supplicant: Supplicant) -> None:
    process = supplicant.start()
    with await supplicant.connect() as control:
        await control.attach()
        status = find_status(process)
        assert status["Uid"].split() == ["64"] * 4
        assert (status["CapEff"], status["CapBnd"]) == ("0000000000003000",) * 2
        assert status["NoNewPrivs"] == "1"
        listed = (await control.request("LIST_NETWORKS")).splitlines()[1:]
        assert [line.split("\t")[1] for line in listed] == ["office", 'a\\"b\\n}#', "x" * 32, "new", "guests"]
        assert (await control.request("GET country")).strip() == "DE"
        for number, network in enumerate(NETWORKS):
            assert await control.request(f"GET_NETWORK {number} ssid") in (f'"{network.ssid}"', network.ssid.encode().hex())
            assert await control.request(f"GET_NETWORK {number} priority") == str(network.priority)
    said = supplicant.stop()
    assert "Line " not in said
    assert "horse" not in said
    assert supplicant.socket.parent.is_dir(), "its directory is there for the next one"


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (r"psk=[0-9a-f]{64}", "psk=abcd"),
        (r"ssid=6f6666696365", "ssid=6f6"),
        (r"key_mgmt=SAE", "key_mgmt=SAEE"),
        (r"pairwise=CCMP", "pairwise=AES"),
        (r"priority=10", "priorities=10"),
        (r"bssid=[0-9a-f:]+", "bssid=02:00"),
        (r"sae_pwe=2", "sae_pew=2"),
        (r"country=DE", "country=DEU\ncountry"),
    ],
)
def test_it_refuses_lines_that_are_wrong(supplicant: Supplicant, right: str, wrong: str) -> None:
    text, changed = re.subn(right, wrong, supplicant.text, count=1)
    assert changed == 1
    supplicant.write(text)
    process = supplicant.start()
    said = process.communicate(timeout=10)[0]
    assert process.returncode != 0
    assert "Line " in said, said


async def test_it_is_followed_through_a_crash(supplicant: Supplicant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wifi_watch, "POLL_SECONDS", 0.3)
    states: asyncio.Queue[str] = asyncio.Queue()
    watch = WifiWatch(supplicant.socket, SystemClock(), lambda: states.put_nowait(watch.report.state))
    following = asyncio.create_task(watch.run())
    supplicant.start()
    try:
        async with asyncio.timeout(20):
            first = await states.get()
            assert first in ("disconnected", "scanning")
            supplicant.stop(signal.SIGKILL)
            while await states.get() != "stopped":
                pass
            assert supplicant.socket.exists(), "it left its socket behind"
            supplicant.start()
            assert await states.get() in ("disconnected", "scanning")
            while "does not scan" not in watch.report.error:
                await states.get()
    finally:
        following.cancel()


def test_its_file_is_for_its_user_alone(supplicant: Supplicant) -> None:
    found = (supplicant.root / PATH.lstrip("/")).stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (64, 64, 0o400)
    assert supplicant.socket.parent.stat().st_mode & 0o777 == 0o700
