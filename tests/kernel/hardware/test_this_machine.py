"""The whole domain on the hardware of this machine: it finds what sysfs has, and then keeps still."""

import asyncio
import time
from pathlib import Path

import pytest

from controllers.hardware import controllers
from controllers.hardware.modalias import MAX_DEVICES, list_texts
from controllers.ports import Paths, Ports
from controllers.resources.hardware import DeviceModule, HardwareSummary, PciDevice
from controllers.resources.machine import PlatformInfo
from controllers.runtime.clock import SystemClock
from controllers.runtime.engine import Engine
from controllers.runtime.memory import MemoryStore
from controllers.runtime.resource import S, new
from controllers.runtime.status import ControllerState, ControllerStatus

pytestmark = pytest.mark.kernel

LIMIT = 20.0  # seconds
QUIET = 3.0
"""Seconds to watch it keep still: longer than it rests between two looks."""


@pytest.fixture
def ports(tmp_path: Path) -> Ports:
    """This machine's sysfs and procfs, with an empty image around them."""
    for name in ("sys", "proc"):
        (tmp_path / name).symlink_to(f"/{name}")
    table = tmp_path / "usr/lib/ophite/modules.json"
    table.parent.mkdir(parents=True)
    table.write_text('{"order": {}, "aliases": {"virtio:d00000001v*": "virtio_net", "pci:v*d*sv*sd*bc*sc*i*": "everything"}}')
    return Ports(paths=Paths(tmp_path))


@pytest.fixture
def addresses() -> set[str]:
    """The PCI functions of this machine."""
    return {path.name for path in Path("/sys/bus/pci/devices").glob("*")}


async def appear(store: MemoryStore, type_: type[S], id_: str) -> S:
    """Return a resource once it is there; whoever calls has a limit."""
    async for event in store.watch(type_):
        if event.resource is not None and event.resource.id == id_:
            return event.resource.spec
    raise AssertionError("a watch does not end")


async def test_it_finds_the_hardware_and_then_keeps_still(ports: Ports, addresses: set[str]) -> None:
    store = MemoryStore(SystemClock())
    engine = Engine(store, SystemClock())
    registered = controllers(ports)
    engine.register(registered)
    await store.create(new("platform", PlatformInfo(platform="metal")))
    await engine.start()
    try:
        async with asyncio.timeout(LIMIT):
            for name in ("processors", "memory", *(["pci"] if addresses else [])):
                await appear(store, HardwareSummary, name)
            if addresses:
                assert (await appear(store, DeviceModule, "everything")).count == len(addresses)
        assert {one.id for one in await store.list(PciDevice)} == addresses
        assert (await store.get(HardwareSummary, "memory")).spec.summary.endswith("GiB")
        states = {one.id: one.spec.state for one in await store.list(ControllerStatus)}
        assert [name for name, state in states.items() if state is ControllerState.CRASHED] == []
        await asyncio.sleep(QUIET)
        before = time.process_time()
        await asyncio.sleep(QUIET)
        assert time.process_time() - before < 0.05 * QUIET, "idle costs less than a twentieth of a processor, also in this test"
    finally:
        await engine.close(2.0)


def test_a_look_at_all_devices_takes_milliseconds() -> None:
    best = min(_measure() for _ in range(5))
    devices = sum(map(len, list_texts(Path("/sys")).values()))
    assert best < 0.002 * max(devices, 10), f"{best * 1000:.1f} ms for {devices} devices"
    assert devices < MAX_DEVICES


def _measure() -> float:
    before = time.process_time()
    list_texts(Path("/sys"))
    return time.process_time() - before
