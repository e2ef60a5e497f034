"""What the console says."""

import os
from pathlib import Path
from typing import Any

from controllers.machine.console import PAUSE, ConsoleController, Summary, describe_upgrade, render, summarize
from controllers.ports import Paths, Ports
from controllers.resources.lifecycle import UpgradePhase, UpgradeStatus
from controllers.resources.machine import MachineStatus, Stage, VersionInfo
from controllers.resources.network import HostnameStatus, NodeAddress, WifiStatus
from controllers.resources.pki import ApiServing
from controllers.runtime.controller import make_view
from controllers.runtime.resource import Resource, new
from tests.harness.clock import FakeClock
from tests.harness.reconcile import run_reconcile

FINGERPRINT = "ab" * 32


def summary(**changes: object) -> Summary:
    values: dict[str, object] = {
        "version": "1.0",
        "hostname": "node1",
        "stage": Stage.MAINTENANCE,
        "addresses": ("10.0.0.2",),
        "fingerprint": FINGERPRINT,
        "blocker": "",
        "ready": False,
    }
    return Summary(**{**values, **changes})  # type: ignore[arg-type]  # fields by name


def test_maintenance_says_what_to_type() -> None:
    lines = render(summary()).split("\r\n")
    assert lines[1] == "Ophite 1.0   node1   10.0.0.2"
    assert lines[2] == "stage: maintenance"
    assert lines[3] == f"certificate: {FINGERPRINT}"
    assert f"ophite apply-config --insecure -n 10.0.0.2 --fingerprint {FINGERPRINT} -f controlplane.yaml" in lines[5]


def test_maintenance_without_network_or_api_says_that() -> None:
    assert "waits for a network" in render(summary(addresses=()))
    assert "waits for the API" in render(summary(fingerprint=""))


def test_the_blocker_is_named_and_no_fingerprint_is_shown_later() -> None:
    text = render(summary(stage=Stage.STARTING, blocker="time: no answer"))
    assert "waits for time: no answer" in text
    assert FINGERPRINT not in text
    assert "stage: running, ready" in render(summary(stage=Stage.RUNNING, ready=True))


def test_nothing_can_speak_to_the_terminal() -> None:
    assert "\x1b" not in render(summary(hostname="a\x1b[2J", blocker="b\x1b]0;", stage=Stage.STARTING))


def test_it_is_written_on_change_and_not_too_often(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    console = tmp_path / "dev/console"
    console.touch()
    clock = FakeClock()
    controller = ConsoleController(Ports(paths=Paths(tmp_path), clock=clock))

    def show(blocker: str) -> str:
        version = VersionInfo(version="1.0", kubernetes="", kernel="", board="", arch="")
        given: list[Resource[Any]] = [
            new("machine", MachineStatus(stage=Stage.STARTING, ready=False, blocker=blocker)),
            new("version", version),
            new("hostname", HostnameStatus(hostname="node1")),
            new("default", NodeAddress(addresses=("10.0.0.2",))),
            new("api", ApiServing(mode="secure", certificate="", key="", client_ca="", fingerprint=FINGERPRINT)),
        ]
        console.write_text("")
        run_reconcile(controller, given)
        return console.read_text()

    assert "waits for a" in show("a")
    assert show("a") == "", "nothing new"
    assert show("b") == "", "too soon"
    clock._now += PAUSE
    assert "waits for b" in show("b")


def test_no_console_is_no_error(tmp_path: Path) -> None:
    controller = ConsoleController(Ports(paths=Paths(tmp_path)))
    run_reconcile(controller, [new("machine", MachineStatus(stage=Stage.BOOTING, ready=False))])
    (tmp_path / "dev").mkdir()
    os.mkfifo(tmp_path / "dev/console")
    controller = ConsoleController(Ports(paths=Paths(tmp_path)))
    run_reconcile(controller, [new("machine", MachineStatus(stage=Stage.BOOTING, ready=False))])


def test_a_node_without_a_cable_says_why_its_radio_does_not_join() -> None:
    given: list[Resource[Any]] = [
        new("machine", MachineStatus(stage=Stage.MAINTENANCE, ready=False)),
        new("wlan0", WifiStatus(link="wlan0", state="disconnected", error="home: wrong passphrase\x1b[2J")),
        new("wlan1", WifiStatus(link="wlan1", state="scanning")),
        new("wlan2", WifiStatus(link="wlan2", state="connected")),
    ]
    lines = render(summarize(make_view(ConsoleController(Ports()), given, [], 0.0))).split("\r\n")
    assert lines[3:6] == [
        "waits for a network: plug it in, or boot with ip= on the kernel's command line",
        "Wi-Fi on wlan0: home: wrong passphrase?[2J",
        "Wi-Fi on wlan1: not connected yet",
    ]


def test_an_upgrade_is_shown_while_it_goes_on_and_when_it_failed() -> None:
    going = UpgradeStatus(phase=UpgradePhase.VERIFYING, to_version="2", step="etcd")
    failed = UpgradeStatus(phase=UpgradePhase.ROLLED_BACK, to_version="2", step="network", error="no address")
    assert describe_upgrade(going) == "upgrade to 2: verifying"
    assert describe_upgrade(failed) == "upgrade to 2: rolled-back at network: no address"
    assert describe_upgrade(UpgradeStatus(phase=UpgradePhase.COMMITTED, to_version="2")) == ""
    assert "upgrade to 2: verifying" in render(summary(upgrade=describe_upgrade(going)))
