"""One machine from an empty disk through a good and a bad upgrade, by UEFI, with volumes that must outlive all of it.

The tests run in their order. Four bad versions are tried. Without KVM that takes a quarter of an hour, so it runs when asked
for.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from image import qemu
from image.qemu_disks import Disk
from image.run import get_program, run
from tests.conftest import ARTIFACTS
from tests.harness import upgrades
from tests.harness.lifecycle import ADDRESS, BOOT, STATIC, Node
from tests.harness.nodes import wait_for
from tests.harness.versions import BASE, CRASH, GOOD, HANG, NO_ETCD, NO_NETWORK, Version
from tests.vm.conftest import MakeNode

pytestmark = [pytest.mark.vm, pytest.mark.soak, pytest.mark.timeout(3600)]

Build = Callable[[Version], Version]
RESULTS = ARTIFACTS / "lifecycle.json"
DISKS = (Disk("data", 256, serial="data"), Disk("secret", 256, "nvme", 4096, serial="secret"))
DOCUMENTS = """
apiVersion: ophite/v1
kind: InstallConfig
disk: {match: {path: /dev/vda}}
---
apiVersion: ophite/v1
kind: UserVolumeConfig
name: data
disk: {match: {serial: data}}
maxSize: 100MiB
grow: true
---
apiVersion: ophite/v1
kind: UserVolumeConfig
name: secret
disk: {match: {serial: secret}}
encryption:
  keys:
    - slot: 0
      static: {passphrase: first-passphrase}
"""
RESET = 30  # seconds, native
EXT4_MAGIC, LUKS_MAGIC = b"\x53\xef", b"LUKS\xba\xbe"
USER_KEY, USER_VALUE = "user.rack", "seven"


@pytest.fixture(scope="module")
def node(make_node: MakeNode, build: Build) -> Node:
    """A machine with an empty disk and the medium in its drive."""
    base = build(BASE)
    made = make_node("vm-lifecycle", base, blank=True, medium=base.iso, disks=DISKS)
    made.add_documents(DOCUMENTS)
    return made


@pytest.fixture(scope="module")
def kept() -> dict[str, str]:
    """What must stay as it was first seen."""
    return {}


def find_volumes(node: Node) -> dict[str, str]:
    """The ids of the user volumes' file systems; a new id is a volume that was made anew."""
    volumes = node.list("VolumeStatus")
    assert {volumes[label]["phase"] for label in ("u-data", "u-secret")} == {"ready"}, volumes
    found = {one["path"]: one["uuid"] for one in node.list("DiscoveredVolume").values() if one["uuid"]}
    return {label: found[volumes[label]["device"]] for label in ("u-data",)}


def check_kept(node: Node, kept: dict[str, str]) -> None:
    """Configuration, META, user volumes and etcd's data are what they were."""
    node.wait("the static address", lambda: ADDRESS in node.find_addresses(), BOOT)
    assert node.get("MetaValue", USER_KEY)["value"] == USER_VALUE
    assert node.read_configuration() == kept["configuration"]
    node.wait("etcd", node.is_etcd_healthy, 20)
    assert node.get("EtcdStatus", "etcd")["member_id"] == kept["member"]
    node.wait("the user volumes", lambda: find_volumes(node), 10)
    assert json.dumps(find_volumes(node)) == kept["volumes"]


def test_an_iso_image_installs_by_uefi_and_the_static_address_is_kept(node: Node, kept: dict[str, str]) -> None:
    node.boot_medium()
    assert ADDRESS in node.find_addresses_in_maintenance()
    node.apply(insecure=True)
    node.wait_for_installation()
    node.boot_disk()
    node.wait("the static address", lambda: ADDRESS in node.find_addresses(), BOOT)
    assert node.find_version() == BASE.number
    kept["configuration"] = node.take_configuration()


def test_user_volumes_are_made_plain_and_encrypted(node: Node, kept: dict[str, str]) -> None:
    node.wait("the user volumes", lambda: find_volumes(node), 20)
    kept["volumes"] = json.dumps(find_volumes(node))
    assert node.list("VolumeStatus")["u-secret"]["encrypted"]
    mounts = {one["target"]: one["filesystem"] for one in node.running.inspect("mounts")}
    assert {mounts["/var/mnt/data"], mounts["/var/mnt/secret"]} == {"ext4"}
    assert holds(node, "secret.img", LUKS_MAGIC)


def test_a_user_volume_grows(node: Node, kept: dict[str, str]) -> None:
    before = node.list("VolumeStatus")["u-data"]["size"]
    node.configuration.write_text(node.configuration.read_text().replace("maxSize: 100MiB", "maxSize: 200MiB"))
    node.apply()
    kept["configuration"] = node.read_configuration()
    node.wait("a larger volume", lambda: node.list("VolumeStatus")["u-data"]["size"] > before, 20)
    assert json.dumps(find_volumes(node)) == kept["volumes"]


def test_what_would_cost_the_quorum_is_refused_by_the_server(node: Node, kept: dict[str, str]) -> None:
    node.bootstrap()
    kept["member"] = node.get("EtcdStatus", "etcd")["member_id"]
    node.ophite("meta", "set", USER_KEY, USER_VALUE)
    boot = node.find_boot()
    for words in (("reboot",), ("shutdown",), ("reset", "--yes")):
        refused = node.ophite(*words, check=False)
        assert "--force" in refused, refused
    assert node.find_boot() == boot
    assert node.get("MachineStage", "machine")["stage"] != "shutting-down"


def test_an_upgrade_to_a_good_version_is_committed(node: Node, build: Build, kept: dict[str, str]) -> None:
    build(GOOD)
    outcome = upgrades.upgrade(node, GOOD)
    assert outcome.status["phase"] == "committed", outcome.status
    assert (outcome.status["from_version"], outcome.version) == (BASE.number, GOOD.number)
    check_kept(node, kept)
    save(node, upgrade_down_time=round(outcome.away, 1))


@pytest.mark.parametrize(
    ("bad", "step"),
    [
        pytest.param(CRASH, "", id="its init crashes"),
        pytest.param(NO_ETCD, "etcd", id="its etcd never gets healthy"),
        pytest.param(HANG, "", id="its init hangs"),
        pytest.param(NO_NETWORK, "network", id="it has no network"),
    ],
)
def test_a_bad_version_is_rolled_back_by_itself(
    node: Node, build: Build, kept: dict[str, str], bad: Version, step: str
) -> None:
    build(bad)
    outcome = upgrades.upgrade(node, bad, boots=2)
    assert outcome.status["phase"] == "rolled-back", outcome.status
    assert outcome.version == GOOD.number
    assert step in f"{outcome.status['step']} {outcome.status['error']}"
    assert outcome.status["error"]
    check_kept(node, kept)
    assert bad.number in [one["version"] for one in json.loads(node.get("MetaValue", "refused")["value"])]


def test_a_bundle_that_was_tampered_with_changes_nothing(node: Node, tmp_path: Path) -> None:
    data = bytearray(BASE.bundle.read_bytes())
    data[len(data) // 2] ^= 1
    bundle = tmp_path / "bad.bundle"
    bundle.write_bytes(data)
    slots = node.list("SlotStatus")
    refused = node.ophite("upgrade", "--image", bundle, "--force", check=False)
    assert "SHA-256" in refused or "sha256" in refused, refused
    assert node.list("SlotStatus") == slots


def test_without_its_key_a_volume_stays_shut_and_the_node_says_why(node: Node, kept: dict[str, str]) -> None:
    """The key is rotated; then the disk comes back from a copy that was made before, and has only the old key."""
    file = node.machine.directory / "secret.img"
    qemu.stop(node.machine)
    copy = node.machine.directory / "secret.before"
    run(["cp", "--sparse=always", file, copy])
    node.boot_disk()
    node.configuration.write_text(node.configuration.read_text().replace("first-passphrase", "second-passphrase"))
    node.apply()
    kept["configuration"] = node.read_configuration()
    node.wait("the new key", lambda: opens(file, "second-passphrase") and not opens(file, "first-passphrase"), 20)
    qemu.stop(node.machine)
    rotated = node.machine.directory / "secret.after"
    file.rename(rotated)
    copy.rename(file)
    node.boot_disk()
    node.wait("the reason", lambda: node.list("VolumeStatus")["u-secret"]["phase"] == "failed", 20)
    assert "key" in node.list("VolumeStatus")["u-secret"]["error"]
    assert "/var/mnt/secret" not in {one["target"] for one in node.running.inspect("mounts")}
    qemu.stop(node.machine)
    rotated.rename(file)
    node.boot_disk()
    check_kept(node, kept)


def opens(file: Path, passphrase: str) -> bool:
    """Does a passphrase open the LUKS volume on this disk? Its header is looked at in a copy, as the disk is in use."""
    data = file.read_bytes()
    with TemporaryDirectory() as directory:
        volume = Path(directory) / "volume"
        volume.write_bytes(data[data.index(LUKS_MAGIC) :])
        argv = [get_program("cryptsetup"), "open", "--test-passphrase", "--key-file", "-", str(volume)]
        return subprocess.run(argv, input=passphrase.encode(), capture_output=True, check=False).returncode == 0


def test_a_reset_of_the_system_keeps_the_user_s_disks(node: Node, kept: dict[str, str]) -> None:
    secret = find_secret(node)
    assert holds(node, "disk.img", secret)
    node.ophite("reset", "--yes", "--force", "--system-volumes", "STATE,EPHEMERAL", "--then", "maintenance")
    qemu.forward(node.machine, "")  # the static address was in the configuration
    node.wait("maintenance", node.find_addresses_in_maintenance, RESET + BOOT)
    assert not holds(node, "disk.img", secret)
    qemu.stop(node.machine)
    node.machine = replace(node.machine, command_line=STATIC)
    node.power_on()
    node.wait("maintenance", node.find_addresses_in_maintenance, BOOT)
    node.apply(insecure=True)
    node.wait("the user volumes", lambda: find_volumes(node), BOOT)
    assert json.dumps(find_volumes(node)) == kept["volumes"]
    node.bootstrap()


def test_a_reset_of_a_user_disk_makes_its_volume_anew_and_keeps_the_rest(node: Node, kept: dict[str, str]) -> None:
    boot = node.find_boot()
    node.ophite("reset", "--yes", "--force", "--mode", "user-disks", "--user-disks", "/dev/vdb", "--then", "reboot")
    node.wait_for_boot(boot, RESET + BOOT)
    node.wait("the user volumes", lambda: find_volumes(node), BOOT)
    assert json.dumps(find_volumes(node)) != kept["volumes"]
    node.wait("etcd", node.is_etcd_healthy, 20)


def test_a_reset_of_everything_ends_in_time_and_leaves_nothing_readable(node: Node) -> None:
    """And the power goes as soon as it begins: the next boot, without anybody's help, finishes it and powers off."""
    secret = find_secret(node)
    assert holds(node, "disk.img", secret)
    sign = "reset: erase the beginning"
    before = node.read_console().count(sign)
    node.ophite("reset", "--yes", "--force", "--mode", "all", "--then", "poweroff", "--no-wait")
    wait_for("the destruction", lambda: node.read_console().count(sign) > before, 4 * RESET * node.patience, 0.01)
    node.cut_power()
    began = time.monotonic()
    node.power_on()
    node.wait_until_off(BOOT + RESET)
    assert "an unfinished reset is continued, try 1 of 3" in node.read_console()
    took = time.monotonic() - began
    assert not holds(node, "disk.img", secret)
    assert not holds(node, "data.img", EXT4_MAGIC, 1080)
    assert not holds(node, "secret.img", LUKS_MAGIC)
    save(node, continued_reset_seconds=round(took, 1))


def find_secret(node: Node) -> bytes:
    """A line of a private key that is only in the configuration."""
    lines = node.configuration.read_text().splitlines()
    begin = next(index for index, line in enumerate(lines) if "PRIVATE KEY-----" in line)
    return lines[begin + 2].strip().encode()


def holds(node: Node, name: str, text: bytes, offset: int | None = None) -> bool:
    """Is a text anywhere on a disk, or in a partition that begins at a whole MiB, `offset` bytes behind its begin?"""
    step = 64 << 20
    before = b""
    with (node.machine.directory / name).open("rb") as file:
        while block := file.read(step):
            if offset is None and text in before + block:
                return True
            if offset is not None and any(
                block[at + offset : at + offset + len(text)] == text for at in range(0, len(block), 1 << 20)
            ):
                return True
            before = block[-len(text) :]
    return False


def save(node: Node, **more: float) -> None:
    """Keep the times."""
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps({"seconds_since_power_on": node.times, **more}, indent=2) + "\n")
