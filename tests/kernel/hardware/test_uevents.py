"""A real announcement of the kernel, in a network namespace, leads to a look at the real sysfs."""

import asyncio
import ctypes
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from controllers.hardware.announcements import Announcements
from controllers.hardware.modalias import ModaliasController, is_plugged, list_texts
from controllers.ports import Paths, Ports
from controllers.resources.hardware import DeviceModule
from controllers.resources.machine import PlatformInfo
from controllers.runtime.clock import SystemClock
from controllers.runtime.engine import Engine
from controllers.runtime.memory import MemoryStore
from controllers.runtime.resource import new

pytestmark = pytest.mark.kernel

CLONE_NEWNET = 0x40000000  # linux/sched.h
LIMIT = 10.0  # seconds
SYS = Path("/sys")
_libc = ctypes.CDLL(None, use_errno=True)


@pytest.fixture
def isolated() -> Iterator[None]:
    """Be in a fresh network namespace: what other programs of this machine announce there does not disturb."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    assert _libc.unshare(CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
    try:
        yield
    finally:
        assert _libc.setns(home, CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        os.close(home)


async def wait_until(done: Callable[[], bool]) -> None:
    """Return once `done` says so; whoever calls has a limit."""
    while not done():  # noqa: ASYNC110 - what is waited for is in the kernel and rings no bell here
        await asyncio.sleep(0.02)


def find_device() -> tuple[Path, str]:
    """A device of this machine that has a driver's text and can be announced again."""
    for path in sorted(SYS.glob("bus/*/devices/*/modalias")):
        text = path.read_text().strip()
        if ":" in text and "\n" not in text:
            return path.parent, text
    pytest.skip("no device of this machine has a modalias")


async def test_a_device_of_this_machine_is_announced_and_found(isolated: None, tmp_path: Path) -> None:
    device, text = find_device()
    (tmp_path / "sys").symlink_to(SYS)
    table = tmp_path / "usr/lib/ophite/modules.json"
    table.parent.mkdir(parents=True)
    table.write_text(json.dumps({"order": {}, "aliases": {}}))
    controller = ModaliasController(Ports(paths=Paths(tmp_path)), Announcements())
    store = MemoryStore(SystemClock())
    engine = Engine(store, SystemClock())
    engine.register([controller])
    await store.create(new("platform", PlatformInfo(platform="metal")))
    await engine.start()
    try:
        async with asyncio.timeout(LIMIT):
            await wait_until(lambda: len(controller._known) > 0)
            assert await store.list(DeviceModule) == []
            table.write_text(json.dumps({"order": {}, "aliases": {text: "its_driver"}}))
            await asyncio.sleep(controller.rest)
            controller._known = {}  # as if no device had been there before
            (device / "uevent").write_text("add")
            events = store.watch(DeviceModule)
            while (event := await anext(events)).resource is None:
                pass
        assert f"{device.parent.name}/{device.name}" in event.resource.spec.devices or event.resource.spec.count > 1
        assert event.resource.id == "its_driver"
    finally:
        await engine.close(2.0)


async def test_what_pods_announce_wakes_nobody(isolated: None) -> None:
    announcements, woken, pod = Announcements(), list[str](), asyncio.Event()

    def is_pod(event: dict[str, str]) -> bool:
        if event.get("INTERFACE") == "pod0":
            pod.set()
        return False

    tasks = [
        asyncio.create_task(announcements.follow(is_plugged, lambda: woken.append("looked"))),
        asyncio.create_task(announcements.follow(is_pod, lambda: None)),
    ]
    try:
        async with asyncio.timeout(LIMIT):
            await wait_until(lambda: len(woken) > 1)  # at the start, and when the listener hears
            woken.clear()
            ip = await asyncio.create_subprocess_exec("ip", "link", "add", "pod0", "type", "veth", "peer", "name", "pod1")
            assert await ip.wait() == 0
            await pod.wait()
        assert woken == []
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def test_the_devices_of_this_machine_are_listed() -> None:
    found = list_texts(SYS)
    on_disk = {path.read_text(errors="replace").split("\n")[0] for path in SYS.glob("bus/*/devices/*/modalias")}
    assert {text for text in on_disk if ":" in text} <= set(found)
