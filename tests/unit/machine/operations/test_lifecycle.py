"""Asking for an upgrade: what is refused before anything begins, and what the controller gets to see."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace as replace_fields

from controllers.lifecycle import disk_ports
from controllers.lifecycle.errors import BundleError
from controllers.machine.operations.lifecycle import Rollback, Upgrade, ask, check_request, find_hash, make_receive
from controllers.ports import Paths, Ports
from controllers.resources.lifecycle import UPGRADE, UpgradePhase, UpgradeRequest, UpgradeStatus
from controllers.resources.machine import PowerRequest, VersionInfo
from controllers.runtime.errors import OperationError
from controllers.runtime.memory import MemoryStore
from controllers.runtime.resource import new, replace
from init.linux.mount import Mount
from tests.unit.lifecycle.bundles import Recipe, write_key

URL = "https://example.org/ophite.bundle"


async def request(store: MemoryStore, source: str = URL, **options: Any) -> str:
    return await ask(store, Upgrade(source=source, **options), source, "", Ports())


async def show(store: MemoryStore, name: str, phase: UpgradePhase) -> None:
    status = UpgradeStatus(phase=phase, request=name, step="a step")
    found = await store.find(UpgradeStatus, UPGRADE)
    if found is None:
        await store.create(new(UPGRADE, status, owner="lifecycle"))
    else:
        await store.update(replace(found, status), owner="lifecycle")


async def test_a_request_is_a_resource_with_a_name_of_its_own() -> None:
    store = MemoryStore()
    name = await request(store, force=True)
    made = (await store.get(UpgradeRequest, UPGRADE)).spec
    assert made == UpgradeRequest(request=name, source=URL, force=True)
    await show(store, name, UpgradePhase.FAILED)
    again = await request(store)
    assert again != name
    assert (await store.get(UpgradeRequest, UPGRADE)).spec.request == again


@pytest.mark.parametrize("source", ["", "http://h/x", "file:///etc/passwd", "rollback", "https://" + "x" * 3000, "/tmp/x"])
def test_sources_that_are_none(source: str) -> None:
    with pytest.raises(OperationError) as refused:
        check_request(Upgrade(source=source), source)
    assert refused.value.code == "invalid_argument"


@pytest.mark.parametrize("window", [1.0, 29.0, 90000.0, -5.0, float("nan"), float("inf")])
def test_windows_that_are_none(window: float) -> None:
    with pytest.raises(OperationError, match="a window of"):
        check_request(Rollback(window=window), "rollback")


async def test_only_one_at_a_time() -> None:
    store = MemoryStore()
    name = await request(store)
    with pytest.raises(OperationError, match="was just asked for"):
        await request(store)
    for phase in (UpgradePhase.FETCHING, UpgradePhase.WRITING, UpgradePhase.ARMED, UpgradePhase.VERIFYING):
        await show(store, name, phase)
        with pytest.raises(OperationError, match=f"under way: {phase}, a step"):
            await request(store)


async def test_one_that_waits_for_the_reboot_may_be_replaced() -> None:
    store = MemoryStore()
    name = await request(store, stage=True)
    await show(store, name, UpgradePhase.ARMED)
    assert await request(store) != name


async def test_a_machine_that_goes_down_begins_nothing() -> None:
    store = MemoryStore()
    await store.create(new("power", PowerRequest(action="reboot")))
    with pytest.raises(OperationError, match="shutting down"):
        await request(store)


def test_a_bundle_for_another_node_is_refused_with_its_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_key(tmp_path / "usr/share/ophite/keys")
    mounted = Mount(1, 0, "0:1", "/", str(tmp_path / "var"), "rw", "ext4", "/dev/x")
    monkeypatch.setattr(disk_ports, "read_mounts", lambda: [mounted])
    ports = Ports(paths=Paths(tmp_path))
    data = Recipe().write(tmp_path / "made").read_bytes()
    version = VersionInfo(version="1.0", kubernetes="1", kernel="6", board="generic", arch="arm64")
    sink = make_receive(ports, new("version", version), "")()
    with pytest.raises(BundleError, match="for the architecture amd64, this node has arm64"):
        sink.write(data[: 16 << 10])
    assert list((tmp_path / "var/lib/ophite").iterdir()) == []
    fitting = make_receive(ports, new("version", replace_fields(version, arch="amd64")), "")()
    fitting.write(data)
    assert fitting.finish().manifest.version == "2.0"


def test_the_running_hash_comes_from_the_command_line() -> None:
    assert find_hash(Ports(cmdline={"ophite.verity": "AB:cd:12"})) == "ab"
    assert find_hash(Ports()) == ""
