"""The verbs that talk to a node, against a real server in this process."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from api.cli.verbs.events import render_event
from api.cli.verbs.get import find_field
from api.cli.verbs.logs import last_lines
from controllers.resources.kubernetes import AdminKubeconfig, EtcdStatus
from controllers.resources.machine import Blocker, ConfigRequest, MachineStatus, PlatformInfo, PowerRequest, Stage
from controllers.resources.network import LinkStatus
from controllers.runtime.resource import new, replace
from tests.harness.api_node import FakeNode

GOLDEN = Path(__file__).parents[2] / "data" / "cli"
HOSTNAME = "apiVersion: ophite/v1\nkind: HostnameConfig\nhostname: node1\n"


async def add_links(node: FakeNode) -> None:
    await node.store.create(new("eth0", LinkStatus(name="eth0", index=2, kind="ether", mtu=1500, carrier=True)))
    await node.store.create(new("lo", LinkStatus(name="lo", index=1, kind="loopback", mtu=65536)))


async def test_version(secure: FakeNode, ophite: Any) -> None:
    result = await ophite("version")
    assert "version: 1.2.3" in result.output
    assert "mode: secure" in result.output


async def test_version_of_a_node_in_maintenance_mode(maintenance: FakeNode, ophite: Any) -> None:
    result = await ophite("version", "--insecure", "-o", "json")
    assert f"fingerprint {maintenance.maintenance.fingerprint}" in result.stderr
    assert json.loads(result.stdout)["node"]["mode"] == "maintenance"
    refused = await ophite("version")
    assert refused.exit_code == 1
    assert "maintenance mode" in refused.output


async def test_get_table(secure: FakeNode, ophite: Any) -> None:
    await add_links(secure)
    result = await ophite("get", "linkstatus")
    assert result.output == (GOLDEN / "get-links.txt").read_text()


async def test_get_yaml(secure: FakeNode, ophite: Any) -> None:
    await add_links(secure)
    result = await ophite("get", "linkstatus", "lo", "-o", "yaml")
    shown = "\n".join(line for line in result.output.splitlines() if "created:" not in line and "updated:" not in line)
    assert f"{shown}\n" == (GOLDEN / "get-lo.yaml").read_text()


async def test_get_json_of_one_and_of_all(secure: FakeNode, ophite: Any) -> None:
    await add_links(secure)
    assert json.loads((await ophite("get", "linkstatus", "lo", "-o", "json")).output)["spec"]["mtu"] == 65536
    assert len(json.loads((await ophite("get", "linkstatus", "-o", "json")).output)) == 2
    assert json.loads((await ophite("get", "linkstatus", "x*", "-o", "json")).output) == []


async def test_get_what_is_not_there(secure: FakeNode, ophite: Any) -> None:
    missing = await ophite("get", "linkstatus", "nope")
    assert (missing.exit_code, "error: " in missing.output) == (1, True)
    unknown = await ophite("get", "nonsense")
    assert (unknown.exit_code, "no resource type" in unknown.output) == (1, True)


async def test_get_lists_types(secure: FakeNode, ophite: Any) -> None:
    result = await ophite("get")
    assert "LinkStatus" in result.output
    assert result.output.splitlines()[0].split() == ["TYPE", "NAMESPACE", "ALIASES", "SENSITIVE"]


async def test_bad_selector(secure: FakeNode, ophite: Any) -> None:
    assert (await ophite("get", "linkstatus", "-l", "nonsense")).exit_code == 2


async def test_watch_shows_changes(secure: FakeNode) -> None:
    from api.cli.verbs.get import follow

    await add_links(secure)
    with secure.secure("os:reader") as node:
        [definition] = await asyncio.to_thread(node.definitions, "linkstatus")
        lines = follow(node, definition, {"type": "LinkStatus", "id": "", "namespace": "", "labels": {}}, "table")
        first = await asyncio.to_thread(next, lines)
        lo = await secure.store.get(LinkStatus, "lo")
        await secure.store.update(replace(lo, LinkStatus(name="lo", index=1, kind="loopback", mtu=9000)))
        second = await asyncio.to_thread(next, lines)
        lines.close()  # type: ignore[attr-defined]  # a generator
    assert len(first.splitlines()) == 3
    assert second.split()[:6] == ["~", "network", "LinkStatus", "lo", "2", "loopback"]
    assert second.index("9000") == first.splitlines()[0].index("MTU")


async def test_apply_config(maintenance: FakeNode, ophite: Any) -> None:
    await asyncio.to_thread(Path("node.yaml").write_text, HOSTNAME)
    words = ("apply-config", "--insecure", "--fingerprint", maintenance.maintenance.fingerprint, "-f", "node.yaml")
    result = await ophite(*words)
    assert result.exit_code == 0, result.output
    assert "warning: the node stays in maintenance mode" in result.stderr
    assert (await maintenance.store.get(ConfigRequest, "config")).spec.active == HOSTNAME


async def test_apply_config_dry_run_with_patch(maintenance: FakeNode, ophite: Any) -> None:
    await asyncio.to_thread(Path("patch.yaml").write_text, "kind: HostnameConfig\nhostname: other\n")
    result = await ophite("apply-config", "-i", "-f", "-", "-p", "patch.yaml", "--dry-run", stdin=HOSTNAME)
    assert result.exit_code == 0, result.output
    assert "+hostname: other" in result.stdout.replace("+ ", "+")
    assert await maintenance.store.find(ConfigRequest, "config") is None


async def test_apply_config_lists_problems(maintenance: FakeNode, ophite: Any) -> None:
    result = await ophite("apply-config", "-i", "-f", "-", stdin=HOSTNAME.replace("hostname:", "hostnam:"))
    assert result.exit_code == 1
    assert "HostnameConfig.hostnam: unknown field" in result.output
    assert "hint: nothing was applied" in result.output


async def test_apply_config_with_wrong_fingerprint(maintenance: FakeNode, ophite: Any) -> None:
    result = await ophite("apply-config", "-i", "--fingerprint", "0" * 64, "-f", "-", stdin=HOSTNAME)
    assert result.exit_code == 1
    assert await maintenance.store.find(ConfigRequest, "config") is None


async def test_bootstrap_says_why_not(secure: FakeNode, ophite: Any) -> None:
    result = await ophite("bootstrap")
    assert result.exit_code == 1
    assert "bootstrap refused" in result.output
    assert "hint: " in result.output


async def test_kubeconfig(secure: FakeNode, ophite: Any, home: Path) -> None:
    assert (await ophite("kubeconfig")).exit_code == 1
    text = "apiVersion: v1\nkind: Config\nclusters: []\nusers: []\ncontexts: []\ncurrent-context: a\n"
    await secure.store.create(new("admin", AdminKubeconfig(yaml=text)))
    assert (await ophite("kubeconfig", "-o", "-")).output == text
    assert (await ophite("kubeconfig", "mine")).exit_code == 0
    assert (home / "mine").read_text() == text
    assert (await ophite("kubeconfig", "mine")).exit_code == 1
    assert (await ophite("kubeconfig", "mine", "--force")).exit_code == 0
    assert (await ophite("kubeconfig", "--merge")).exit_code == 0
    assert "current-context: a" in (home / ".kube/config").read_text()
    assert (await ophite("kubeconfig", "mine", "--merge")).exit_code == 2


async def test_health_names_what_is_missing(secure: FakeNode, ophite: Any) -> None:
    unmet = (Blocker(name="etcd", reason="waits for bootstrap"), Blocker(name="kubelet", reason="waits for etcd"))
    status = MachineStatus(stage=Stage.STARTING, ready=False, blocker="etcd", unmet=unmet)
    stored = await secure.store.create(new("machine", status))
    result = await ophite("health", "--timeout", "0")
    assert result.exit_code == 1
    assert "starting: etcd: waits for bootstrap; kubelet: waits for etcd" in result.output
    await secure.store.update(replace(stored, MachineStatus(stage=Stage.RUNNING, ready=True)))
    assert (await ophite("health", "--timeout", "0")).exit_code == 0
    assert (await ophite("health", "--timeout", "0", "--wait-for", "api")).exit_code == 0
    assert (await ophite("health", "--timeout", "0", "--wait-for", "etcd")).exit_code == 1
    await secure.store.create(new("etcd", EtcdStatus(healthy=True)))
    assert (await ophite("health", "--timeout", "0", "--wait-for", "etcd")).exit_code == 0


async def test_power(secure: FakeNode, ophite: Any) -> None:
    assert (await ophite("reboot", "--reason", "because")).exit_code == 0
    assert (await secure.store.get(PowerRequest, "power")).spec == PowerRequest(action="reboot", reason="because")
    refused = await ophite("shutdown")
    assert (refused.exit_code, "about to reboot already" in refused.output) == (1, True)


async def test_reboot_waits_for_another_boot(secure: FakeNode) -> None:
    from api.cli.verbs.reboot import check_rebooted

    with secure.secure("os:operator") as node:
        before = await asyncio.to_thread(lambda: node.power(reboot=True))
        check = check_rebooted(node, before)
        assert await asyncio.to_thread(check) == "the node is shutting down"
        platform = await secure.store.get(PlatformInfo, "platform")
        await secure.store.update(replace(platform, PlatformInfo(platform="metal", boot_id="boot-2")))
        assert await asyncio.to_thread(check) == ""


async def test_services_without_pid_1(secure: FakeNode, ophite: Any) -> None:
    for words in (("services",), ("logs", "etcd"), ("services", "restart", "etcd")):
        result = await ophite(*words)
        assert (result.exit_code, "no connection to PID 1" in result.output) == (1, True)
    assert (await ophite("services", "restart")).exit_code == 2


@pytest.mark.parametrize("what", ["processes", "mounts", "sockets", "ports", "memory", "controllers"])
async def test_inspect(secure: FakeNode, ophite: Any, what: str) -> None:
    if what in ("mounts", "memory"):
        (secure.root / "proc/self").mkdir(parents=True)
        (secure.root / "proc/self/mountinfo").write_text("22 1 8:1 / / rw - ext4 /dev/sda1 rw\n")
        (secure.root / "proc/meminfo").write_text("MemTotal: 100 kB\nSlab: 7 kB\n")
    result = await ophite("inspect", what)
    assert result.exit_code == 0, result.output
    if what != "controllers":
        json.loads((await ophite("inspect", what, "-o", "json")).stdout)


async def test_inspect_memory_of_groups_and_kernel(secure: FakeNode, ophite: Any) -> None:
    (secure.root / "proc").mkdir(parents=True, exist_ok=True)
    (secure.root / "proc/meminfo").write_text("MemTotal: 100 kB\nSlab: 7 kB\n")
    group = secure.root / "sys/fs/cgroup/kubepods"
    group.mkdir(parents=True)
    (group / "memory.current").write_text("4096\n")
    (group / "memory.stat").write_text("anon 1024\nfile 2048\n")
    found = json.loads((await ophite("inspect", "memory", "-o", "json")).stdout)
    assert found["kernel"] == {"Slab": 7 << 10}
    assert found["groups"] == [{"name": "kubepods", "current": 4096, "peak": 0, "anonymous": 1024, "file": 2048, "kernel": 0}]
    assert "kubepods" in (await ophite("inspect", "memory")).output


async def test_inspect_controllers_as_a_drawing(secure: FakeNode, ophite: Any) -> None:
    assert (await ophite("inspect", "controllers", "-o", "dot")).output.startswith("digraph")
    assert (await ophite("inspect", "controllers", "-o", "mermaid")).output.startswith("flowchart")


async def test_etcd(secure: FakeNode, ophite: Any) -> None:
    assert (await ophite("etcd", "members")).exit_code == 1
    await secure.store.create(new("etcd", EtcdStatus(healthy=True, db_size=2048)))
    assert "2.0 KiB" in (await ophite("etcd", "status")).output


async def test_nothing_listens(fake: FakeNode, ophite: Any) -> None:
    result = await ophite("version", "-n", "127.0.0.1:1")
    assert result.exit_code == 1
    assert "nothing listens at 127.0.0.1:1" in result.output


def test_last_lines() -> None:
    chunks = [b"one\ntw", b"o\nthree"]
    assert last_lines(chunks, 2) == b"two\nthree"
    assert last_lines(chunks, 9) == b"one\ntwo\nthree"
    assert last_lines(chunks, 0) == b""


def test_event_line() -> None:
    assert render_event(0, "ServiceStatus/etcd", "gone") == "1970-01-01T00:00:00Z  ServiceStatus/etcd  gone"


@pytest.mark.parametrize(
    ("path", "value"), [("a", 1), ("b.c", 2), ("snake_case", 3), ("camel_case", 4), ("nope", None), ("a.deeper", None)]
)
def test_field_of_a_spec(path: str, value: object) -> None:
    assert find_field({"a": 1, "b": {"c": 2}, "snake_case": 3, "camelCase": 4}, path) == value
