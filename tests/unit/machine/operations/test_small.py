"""The smaller operations: version, serving, power, bootstrap, kubeconfig, graph, events, sockets, processes."""

import asyncio
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from controllers.config.documents.api_config import ROLES
from controllers.machine.operations import events, memory, processes, sockets
from controllers.machine.operations.table import CALLERS
from controllers.resources.kubernetes import AdminKubeconfig, EtcdBootstrap, EtcdStatus
from controllers.resources.machine import PlatformInfo, PowerRequest, VersionInfo
from controllers.resources.pki import ApiServing
from controllers.resources.services import ServiceStatus
from controllers.runtime.errors import OperationError
from controllers.runtime.resource import new, replace
from controllers.runtime.status import ControllerStatus, Edge
from controllers.runtime.store import Change, Event
from tests.harness.clock import settle


def test_only_root_and_the_api_may_call(table: Any) -> None:
    assert {method.uids for method in table.methods.values()} == {CALLERS} == {frozenset({0, 50})}


def test_names_are_unique(table: Any) -> None:
    from controllers.machine.operations import methods

    names = [method.name for method in methods(table.store, table.ports)]
    assert len(names) == len(set(names))


async def test_version_is_empty_until_it_is_known(table: Any) -> None:
    assert (await table.call("version"))["version"] == ""
    info = VersionInfo(version="1", kubernetes="2", kernel="3", board="b", arch="amd64", built=7)
    await table.store.create(new("version", info))
    assert (await table.call("version")) == {
        "version": "1",
        "kubernetes": "2",
        "kernel": "3",
        "board": "b",
        "arch": "amd64",
        "built": 7,
        "boot_id": "",
    }


async def test_boot_id_changes_with_pid_1(table: Any) -> None:
    await table.store.create(new("platform", PlatformInfo(platform="namespaces", boot_id="kernel")))
    stat = table.ports.paths.proc / "1/stat"
    assert (await table.call("version"))["boot_id"] == "kernel"
    stat.parent.mkdir(parents=True)
    for start in (7, 8):
        stat.write_text(f"1 (a) b) S {' '.join(map(str, range(4, 22)))} {start} 23 24\n")
        assert (await table.call("version"))["boot_id"] == f"kernel-{start}"


async def test_serving_follows_the_resource(table: Any, take: Any) -> None:
    spec = ApiServing(mode="maintenance", certificate="c", key="k", client_ca="", fingerprint="f")
    stored = await table.store.create(new("api", spec))
    stream = table.stream("serving")
    first = {"mode": "maintenance", "certificate": "c", "key": "k", "client_ca": "", "roles": list(ROLES)}
    assert await anext(stream) == first
    later = ApiServing(mode="secure", certificate="c2", key="k2", client_ca="ca", fingerprint="f")
    await table.store.update(replace(stored, later))
    [second] = await take(stream, 1)
    assert second["mode"] == "secure"


async def test_power_is_a_resource(table: Any) -> None:
    await table.store.create(new("platform", PlatformInfo(platform="metal", boot_id="b1")))
    assert await table.call("power", action="reboot", reason="x" * 1000) == {"boot_id": "b1"}
    spec = (await table.store.get(PowerRequest, "power")).spec
    assert (spec.action, len(spec.reason)) == ("reboot", 200)
    assert await table.call("power", action="reboot") == {"boot_id": "b1"}
    with pytest.raises(OperationError, match="about to reboot already"):
        await table.call("power", action="poweroff")
    with pytest.raises(OperationError, match="unknown action"):
        await table.call("power", action="explode")


async def test_bootstrap_is_refused_with_the_reason(table: Any) -> None:
    with pytest.raises(OperationError, match="bootstrap refused") as refusal:
        await table.call("etcd.bootstrap")
    assert refusal.value.hint
    assert await table.store.find(EtcdBootstrap, "bootstrap") is None


async def test_bootstrap_is_a_resource(table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def allow(store: Any) -> None:
        return None

    monkeypatch.setattr("controllers.etcd.bootstrap.check_bootstrap", allow)
    await table.call("etcd.bootstrap")
    assert (await table.store.get(EtcdBootstrap, "bootstrap")).spec.requested == table.clock.wall()
    with pytest.raises(OperationError) as refusal:
        await table.call("etcd.bootstrap")
    assert refusal.value.code == "already_exists"


async def test_etcd_before_it_runs(table: Any) -> None:
    for name in ("etcd.status", "etcd.members", "kubeconfig"):
        with pytest.raises(OperationError) as refusal:
            await table.call(name)
        assert refusal.value.code == "failed_precondition"
        assert refusal.value.hint


async def test_etcd_status_and_kubeconfig(table: Any) -> None:
    await table.store.create(new("etcd", EtcdStatus(healthy=True, member_id="ab", db_size=9)))
    await table.store.create(new("admin", AdminKubeconfig(yaml="apiVersion: v1\n")))
    status = await table.call("etcd.status")
    assert (status["healthy"], status["member_id"], status["db_size"]) == (True, "ab", 9)
    assert await table.call("kubeconfig") == "apiVersion: v1\n"


async def test_graph_is_made_of_statuses(table: Any) -> None:
    status = ControllerStatus(
        inputs=(Edge(namespace="network", type="LinkSpec", kind="strong"),),
        outputs=(Edge(namespace="network", type="LinkStatus", id="lo", kind="exclusive"),),
    )
    await table.store.create(new("network.Links", status))
    graph = await table.call("inspect.controllers")
    assert [edge["resource"] for edge in graph["edges"]] == ["network/LinkSpec", "network/LinkStatus/lo"]
    assert graph["dot"].startswith("digraph")
    assert graph["mermaid"].startswith("flowchart")


async def test_events_tell_changes_and_not_what_was_there(table: Any, take: Any) -> None:
    stored = await table.store.create(new("etcd", ServiceStatus(state="starting")))
    stream = table.stream("events")
    first = asyncio.ensure_future(anext(stream))
    await settle()
    assert not first.done()
    await table.store.update(replace(stored, ServiceStatus(state="running")))
    event = await first
    await stream.aclose()
    assert event == {
        "time": table.clock.wall(),
        "subject": "ServiceStatus/etcd",
        "message": "STATE starting → running",
    }


@pytest.mark.parametrize(
    ("old", "new_", "text"),
    [
        (ServiceStatus(state="starting"), ServiceStatus(state="running", pid=7), "STATE starting → running; PID 0 → 7"),
        (ServiceStatus(state="a", healthy=True), ServiceStatus(state="a", healthy=None), "HEALTHY cleared"),
        (ServiceStatus(state="a"), ServiceStatus(state="a"), ""),
    ],
)
def test_event_text(old: ServiceStatus, new_: ServiceStatus, text: str) -> None:
    event = Event(change=Change.UPDATED, bookmark="", resource=new("x", new_), old=new("x", old))
    assert events.describe(event) == text


def test_event_of_what_is_gone() -> None:
    event = Event(change=Change.DESTROYED, bookmark="", resource=new("x", ServiceStatus(state="a")))
    assert events.describe(event) == "gone"


async def test_services_without_pid_1(table: Any) -> None:
    for name, params in (("services.list", {}), ("services.restart", {"id": "etcd"})):
        with pytest.raises(OperationError, match="no connection to PID 1") as refusal:
            await table.call(name, **params)
        assert refusal.value.code == "unavailable"


async def test_processes_hold_this_one(table: Any) -> None:
    found = await table.call("inspect.processes")
    mine = next(one for one in found["processes"] if one["pid"] == os.getpid())
    assert mine["memory"] > 0
    assert mine["parent"] == os.getppid()
    assert not mine["kernel_thread"]


def test_processes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "LIMIT", 1)
    found = processes.list_processes()
    assert (len(found["processes"]), found["truncated"]) == (1, True)


def test_memory_of_the_own_processes(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal:  100 kB\nMemAvailable: 40 kB\nHugePages_Total: 0\nSlab: 7 kB\n")
    (tmp_path / "1").mkdir()
    rollup = "00400000-7fff ---p 00000000 00:00 0 [rollup]\nRss: 12 kB\nPss: 10 kB\nPrivate_Clean: 3 kB\nPrivate_Dirty: 4 kB\n"
    (tmp_path / "1" / "smaps_rollup").write_text(rollup)
    found = memory.measure_memory(tmp_path, tmp_path / "cgroup")
    assert (found["total"], found["available"]) == (102400, 40960)
    assert found["processes"][0] == {"name": "init", "pid": 1, "resident": 12288, "proportional": 10240, "private": 7168}
    assert [one["name"] for one in found["processes"]] == ["init", "controllers"]
    assert (found["kernel"], found["groups"]) == ({"Slab": 7168}, [])


def test_memory_of_the_control_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in (("ophite", 30), ("ophite/kubelet", 20), ("kubepods", 5), ("kubepods/a/b", 4), ("broken", 1)):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / name / "memory.current").write_text(f"{size}\n")
        (tmp_path / name / "memory.stat").write_text(f"anon {size - 3}\nfile 2\nkernel 1\nslab 1\n")
    (tmp_path / "ophite/memory.peak").write_text("40\n")
    (tmp_path / "broken/memory.stat").write_text("anon many\n")
    found = {one.pop("name"): one for one in memory.measure_groups(tmp_path)}
    assert list(found) == ["kubepods", "ophite", "ophite/kubelet"]
    assert found["ophite"] == {"current": 30, "peak": 40, "anonymous": 27, "file": 2, "kernel": 1}
    assert found["ophite/kubelet"]["peak"] == 0
    monkeypatch.setattr(memory, "GROUPS_LIMIT", 2)
    assert len(list(memory.measure_groups(tmp_path))) == 1


async def test_sockets_hold_a_listener(table: Any) -> None:
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        found = await table.call("inspect.sockets")
    mine = next(one for one in found if one["port"] == port)
    assert (mine["protocol"], mine["address"], mine["pid"]) == ("tcp", "127.0.0.1", os.getpid())


def test_mounts(tmp_path: Path) -> None:
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text("22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n23 22 0:5 / /proc rw,nosuid - proc proc rw\n")
    root, proc = sockets.list_mounts(mountinfo)
    assert (root["target"], root["source"], root["filesystem"], root["options"]) == ("/", "/dev/sda1", "ext4", "rw,relatime")
    assert root["size"] > 0
    assert proc == {"target": "/proc", "source": "proc", "filesystem": "proc", "options": "rw,nosuid"}


def test_a_process_that_executes_another_program_is_seen_as_that() -> None:
    def find_executable(pid: int) -> str:
        (found,) = [one for one in processes.list_processes()["processes"] if one["pid"] == pid]
        return Path(found["executable"]).name

    argv = ["/bin/sh", "-c", "echo up; read word; exec cat"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == "up\n"
        before = find_executable(child.pid)
        child.stdin.write("go\nhello\n")
        child.stdin.flush()
        assert child.stdout.readline() == "hello\n"  # cat says it
        after = find_executable(child.pid)
        child.stdin.close()
    assert before != "cat"
    assert after == "cat"
