"""The upgrade's controllers on a real disk: partition table, slots and boot entries on a loop device, boot after boot."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from controllers.lifecycle import disk_ports
from controllers.lifecycle.slot_status import SlotStatusController
from controllers.lifecycle.upgrade import UpgradeController
from controllers.lifecycle.verify import VerifyController
from controllers.ports import Ports
from controllers.resources.lifecycle import UPGRADE, SlotStatus, UpgradePhase, UpgradeRequest, UpgradeStatus
from controllers.resources.machine import Blocker, MachineStatus, PlatformInfo, PowerRequest, Stage, VersionInfo
from init.linux.mount import Mount
from tests.harness.engine import World
from tests.harness.loop_disks import attached
from tests.kernel.lifecycle.loop_disk import fill_esp, write_image
from tests.kernel.lifecycle.test_disk_ports import Node, make_bundle
from tests.unit.lifecycle.bundles import write_key
from tests.unit.lifecycle.machine import Disk, FakeMeta

pytestmark = pytest.mark.kernel

LIMIT = 30.0  # seconds of real time for what threads do
READY = MachineStatus(stage=Stage.RUNNING, ready=True)
SICK = MachineStatus(stage=Stage.STARTING, ready=False, unmet=(Blocker(name="network", reason="no address yet"),))


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    write_image(tmp_path / "disk.img")
    fill_esp(tmp_path / "esp")
    write_key(tmp_path / "usr/share/ophite/keys")
    mounted = Mount(1, 0, "0:1", "/", str(tmp_path / "var"), "rw", "ext4", "/dev/x")
    monkeypatch.setattr(disk_ports, "read_mounts", lambda: [mounted])
    with attached(tmp_path / "disk.img") as loop:
        yield Node(tmp_path, loop)


@asynccontextmanager
async def boot(node: Node, version: str, meta: Disk, boot_id: str = "") -> AsyncIterator[World]:
    """Let one version's brain run on the disk."""
    running = node.reboot(version)
    world = World(FakeMeta(meta))
    world.clock._now = 20.0  # seconds after the kernel has started
    ports = Ports(clock=world.clock, paths=running.ports.paths, cmdline=running.ports.cmdline)
    world.engine.register(
        [
            UpgradeController(ports, running.bundles, running.slots),
            VerifyController(ports),
            SlotStatusController(ports, running.slots),
        ]
    )
    async with world:
        line = f"ophite.verity={running.ports.cmdline['ophite.verity']}"
        await world.put("platform", PlatformInfo(platform="qemu", boot_id=boot_id or f"boot of {version}", command_line=line))
        await world.put("version", VersionInfo(version=version, kubernetes="1.34.0", kernel="6", board="generic", arch="amd64"))
        yield world


async def until(world: World, phase: UpgradePhase, *, reboots: bool = False) -> UpgradeStatus:
    """Wait for a phase, letting threads work and the fake clock go on."""
    async with asyncio.timeout(LIMIT):
        while True:
            found = await world.store.find(UpgradeStatus, UPGRADE)
            power = await world.store.find(PowerRequest, "power")
            if found is not None and found.spec.phase is phase and (power is not None or not reboots):
                return found.spec
            assert found is None or not found.spec.phase.final, found
            await asyncio.sleep(0.02)  # threads work in real time
            await world.clock.advance(1.0)


async def arm(node: Node, tmp_path: Path, meta: Disk, window: float = 600.0) -> None:
    node.upload(make_bundle(tmp_path))
    async with boot(node, "1.0", meta) as world:
        await world.put("machine", READY)
        await world.put(UPGRADE, UpgradeRequest(request="r1", source="uploaded", window=window))
        await until(world, UpgradePhase.ARMED, reboots=True)
    assert node.entries() == ["ophite-a.conf", "ophite-b+1.conf"]


def start(node: Node) -> None:
    """Do what systemd-boot does with the new entry before it starts it."""
    entries = node.root / "esp/loader/entries"
    (entries / "ophite-b+1.conf").rename(entries / "ophite-b+0-1.conf")


async def test_a_good_version_commits_on_a_real_disk(node: Node, tmp_path: Path) -> None:
    meta = Disk()
    await arm(node, tmp_path, meta)
    start(node)
    async with boot(node, "2.0", meta) as world:
        await world.put("machine", READY)
        status = await until(world, UpgradePhase.COMMITTED)
        assert (status.from_version, status.to_version) == ("1.0", "2.0")
    assert node.entries() == ["ophite-a.conf", "ophite-b.conf"]


async def test_a_sick_version_gives_way_on_a_real_disk(node: Node, tmp_path: Path) -> None:
    meta = Disk()
    await arm(node, tmp_path, meta, window=60.0)
    start(node)
    async with boot(node, "2.0", meta) as world:
        await world.put("machine", SICK)
        await until(world, UpgradePhase.VERIFYING, reboots=True)
    assert node.entries() == ["ophite-a.conf"]
    async with boot(node, "1.0", meta, "third boot") as world:
        status = await until(world, UpgradePhase.ROLLED_BACK)
        assert (status.to_version, status.step) == ("2.0", "network")
        assert "no address yet" in status.error
        slots = {one.id: one.spec for one in await world.store.list(SlotStatus)}
        assert (slots["a"].running, slots["a"].next) == (True, True)
