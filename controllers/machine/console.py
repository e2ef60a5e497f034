"""A few lines on the console: who this is, how it goes, and what to type next.

Written when what they say has changed, at most every `PAUSE` seconds, and never read: there is no login. In maintenance
mode they carry the fingerprint to pin and the exact next command. In namespaces, where there is no console, they go to
where PID 1 writes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from controllers.ports import Ports
from controllers.resources.lifecycle import UPGRADE, UpgradePhase, UpgradeStatus
from controllers.resources.machine import MachineStatus, Stage, VersionInfo
from controllers.resources.network import HostnameStatus, NodeAddress, WifiStatus
from controllers.resources.pki import ApiServing
from controllers.runtime.controller import Controller, Input, View, Wanted
from controllers.runtime.text import make_printable

PAUSE = 5.0
MAX_LINKS = 4
RULE = "-" * 72


@dataclass(frozen=True, slots=True)
class Summary:
    """What the console shows."""

    version: str
    hostname: str
    stage: Stage
    addresses: tuple[str, ...]
    fingerprint: str
    blocker: str
    ready: bool
    upgrade: str = ""
    wifi: tuple[str, ...] = ()


def render(summary: Summary) -> str:
    """Return the block as text, lines ended by CR LF as a terminal in raw mode wants them."""
    where = ", ".join(summary.addresses[:4]) or "no address yet"
    lines = [
        RULE,
        f"Ophite {summary.version}   {summary.hostname or '(no host name yet)'}   {where}",
        f"stage: {summary.stage}" + (", ready" if summary.ready else ""),
    ]
    if summary.stage is Stage.MAINTENANCE:
        lines += _next_steps(summary)
    elif summary.blocker:
        lines.append(f"waits for {summary.blocker}")
    lines += summary.wifi
    if summary.upgrade:
        lines.append(summary.upgrade)
    return "".join(f"{make_printable(line)}\r\n" for line in [*lines, RULE])


def _next_steps(summary: Summary) -> list[str]:
    if not summary.addresses:
        return ["waits for a network: plug it in, or boot with ip= on the kernel's command line"]
    if not summary.fingerprint:
        return ["waits for the API to start"]
    address = summary.addresses[0]
    return [
        f"certificate: {summary.fingerprint}",
        "next: ophite gen config NAME https://ADDRESS:6443, and then",
        f"  ophite apply-config --insecure -n {address} --fingerprint {summary.fingerprint} -f controlplane.yaml",
    ]


class ConsoleController(Controller):
    """`MachineStatus`, addresses, `ApiServing`, Wi-Fi → /dev/console. Runs in a thread: a serial line is slow."""

    name = "machine.ConsoleController"
    inputs = (
        Input(MachineStatus, id="machine"),
        Input(VersionInfo, id="version"),
        Input(HostnameStatus, id="hostname"),
        Input(NodeAddress),
        Input(ApiServing, id="api"),
        Input(UpgradeStatus, id=UPGRADE),
        Input(WifiStatus),
    )
    inline = False

    def __init__(self, ports: Ports) -> None:
        namespaces = ports.cmdline.get("ophite.platform") == "namespaces"
        self._path = ports.paths.proc / "1/fd/2" if namespaces else ports.paths.dev / "console"
        self._clock = ports.clock
        self._shown = ""
        self._last = float("-inf")

    def reconcile(self, view: View) -> Iterable[Wanted]:
        text = render(summarize(view))
        wait = self._last + PAUSE - self._clock.now()
        if text == self._shown:
            return ()
        if wait > 0:
            view.wake_after(wait)
            return ()
        write_console(self._path, text)
        self._shown, self._last = text, self._clock.now()
        return ()


def summarize(view: View) -> Summary:
    """Return what there is to say. Raises `Waiting` before the machine has a status."""
    status = view.get(MachineStatus, "machine").spec
    version, hostname = view.find(VersionInfo, "version"), view.find(HostnameStatus, "hostname")
    addresses = view.find(NodeAddress, "default") or view.find(NodeAddress, "current")
    serving, upgrade = view.find(ApiServing, "api"), view.find(UpgradeStatus, UPGRADE)
    return Summary(
        version=version.spec.version if version else "",
        hostname=hostname.spec.hostname if hostname else "",
        stage=status.stage,
        addresses=addresses.spec.addresses if addresses else (),
        fingerprint=serving.spec.fingerprint if serving else "",
        blocker=status.blocker,
        ready=status.ready,
        upgrade=describe_upgrade(upgrade.spec) if upgrade else "",
        wifi=tuple(describe_wifi(link.spec) for link in view.list(WifiStatus) if link.spec.state != "connected")[:MAX_LINKS],
    )


def describe_wifi(status: WifiStatus) -> str:
    """Return why a wireless link is not connected: of a node without a cable nobody can ask anything but this console.

    Scanning comes and goes; it is not worth a line each time.
    """
    return f"Wi-Fi on {status.link}: {status.error or 'not connected yet'}"


def describe_upgrade(status: UpgradeStatus) -> str:
    """Return how an upgrade goes, or how it ended when it did not end well."""
    if status.phase is UpgradePhase.COMMITTED:
        return ""
    version = f" to {status.to_version}" if status.to_version else ""
    if status.phase.final:
        return f"upgrade{version}: {status.phase} at {status.step}: {status.error}"
    return f"upgrade{version}: {status.phase}"


def write_console(path: Path, text: str) -> None:
    """Write to the console; one that is not there or does not take it (nobody listens) is no error."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    try:
        os.write(fd, text.encode())
    except OSError:
        return
    finally:
        os.close(fd)
