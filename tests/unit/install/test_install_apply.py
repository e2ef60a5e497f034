"""When an installation begins, how it is shown, and what follows it."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from controllers.config.documents import InstallConfig
from controllers.config.documents.disk_selector import DiskMatch, DiskSelector
from controllers.install.contents import Verdict
from controllers.install.install_apply import InstallApplyController
from controllers.install.steps import MakeState, WriteRoot
from controllers.ports import Paths, Ports
from controllers.resources.block import Disk
from controllers.resources.install import InstallPhase, InstallRequest, InstallStatus
from controllers.resources.machine import ConfigStatus, MachineConfiguration, NodeIdentity, PowerRequest
from controllers.resources.network import LinkStatus
from tests.harness.clock import settle
from tests.harness.engine import World
from tests.unit.install.fakes import FakePort

CONFIG = "apiVersion: ophite/v1\nkind: MachineConfig\ntype: worker\n"
DOCUMENT = InstallConfig(disk=DiskSelector(match=DiskMatch(path="/dev/sd*")), extra_kernel_args=("quiet",))
SDA = Disk(path="/dev/sda", size=64 << 30, transport="ata", links_by_id=("/dev/disk/by-id/ata-x",))
SDB = Disk(path="/dev/sdb", size=64 << 30, transport="ata")
PHASE = InstallPhase


class Node(World):
    """A node that was started from a medium."""

    def __init__(self, tmp_path: Any, port: FakePort, **cmdline: str) -> None:
        self.port = port
        self.cmdline = {"ophite.root": "iso", **{f"ophite.{key}": value for key, value in cmdline.items()}}
        ports = Ports(paths=Paths(tmp_path), cmdline=self.cmdline)
        super().__init__(InstallApplyController(ports, lambda _: (port, port.medium)))

    async def give(
        self, *, document: InstallConfig | None = DOCUMENT, disks: tuple[Disk, ...] = (SDA,), source: str = "api"
    ) -> None:
        """Give everything that a configured node has."""
        await self.put("node", NodeIdentity(node_id="1" * 32, machine_id="2" * 32))
        await self.put("config", ConfigStatus(complete=True))
        await self.put("persistent", MachineConfiguration(yaml=CONFIG, source=source))
        for disk in disks:
            await self.put(disk.path, disk)
        if document is not None:
            await self.put("default", document)
        await settle()

    async def phase(self) -> InstallPhase:
        return (await self.show()).phase

    async def show(self) -> InstallStatus:
        return (await self.get(InstallStatus, "install")).spec

    async def power(self) -> PowerRequest | None:
        found = await self.store.find(PowerRequest, "power")
        return found.spec if found else None


@pytest.fixture(autouse=True)
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here blocks, and the fake clock can wait only for what runs on the loop."""

    async def call(function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)

    monkeypatch.setattr(asyncio, "to_thread", call)


async def test_a_configured_node_installs_and_reboots(tmp_path: Any) -> None:
    async with Node(tmp_path, FakePort()) as node:
        await node.give()
        status = await node.show()
        assert (status.phase, status.disk, status.version) == (PHASE.INSTALLED, "/dev/sda", "2.0")
        assert "remove the medium" in status.message
        assert await node.power() == PowerRequest(action="reboot", reason="installed on /dev/sda")
        [state] = [one for one in node.port.done if isinstance(one, MakeState)]
        assert state.files["config.yaml"] == CONFIG.encode()
        assert b"1" * 32 in state.files["identity.json"]


async def test_the_network_of_the_boot_prompt_travels(tmp_path: Any) -> None:
    async with Node(tmp_path, FakePort(), hostname="node7") as node:
        await node.give()
        assert b"hostname: node7" in node.port.state["config.yaml"]


async def test_an_address_for_the_first_link_waits_for_the_link(tmp_path: Any) -> None:
    node = Node(tmp_path, FakePort())
    node.cmdline["ip"] = "192.0.2.10:::255.255.255.0"
    async with node:
        await node.give()
        assert (await node.show()).phase is PHASE.WAITING
        await node.put("eth0", LinkStatus(name="eth0", index=2, physical=True))
        assert (await node.show()).phase is PHASE.INSTALLED
        assert b"name: eth0\naddresses:\n  - 192.0.2.10/24" in node.port.state["config.yaml"]


@pytest.mark.parametrize(("missing", "text"), [("config", "complete configuration"), ("node", "identity")])
async def test_it_waits_for_what_it_needs(tmp_path: Any, missing: str, text: str) -> None:
    async with Node(tmp_path, FakePort()) as node:
        if missing == "config":
            await node.put("config", ConfigStatus(complete=False))
        else:
            await node.put("config", ConfigStatus(complete=True))
        await node.put("persistent", MachineConfiguration(yaml=CONFIG))
        await node.put("default", DOCUMENT)
        status = await node.show()
        assert status.phase is PHASE.WAITING
        assert text in status.message


async def test_without_install_config_nothing_happens(tmp_path: Any) -> None:
    async with Node(tmp_path, FakePort()) as node:
        await node.give(document=None)
        assert (await node.show()).phase is PHASE.IGNORED
        assert node.port.medium.opened == []


async def test_a_node_on_its_disk_ignores_it(tmp_path: Any) -> None:
    async with Node(tmp_path, FakePort(), root="verity") as node:
        await node.give()
        status = await node.show()
        assert status.phase is PHASE.IGNORED
        assert "runs from its disk" in status.message
        assert node.port.done == []


async def test_two_disks_are_listed_and_it_goes_on_when_one_is_gone(tmp_path: Any) -> None:
    async with Node(tmp_path, FakePort()) as node:
        await node.give(disks=(SDA, SDB))
        status = await node.show()
        assert status.phase is PHASE.FAILED
        assert "/dev/sda" in status.message
        assert "/dev/sdb" in status.message
        assert node.port.medium.opened == []
        await node.remove(Disk, "/dev/sdb")
        assert (await node.show()).phase is PHASE.INSTALLED


async def test_a_failure_leaves_the_node_up_and_is_not_tried_again_by_itself(tmp_path: Any) -> None:
    port = FakePort()
    port.failing = WriteRoot
    async with Node(tmp_path, port) as node:
        await node.give()
        status = await node.show()
        assert status.phase is PHASE.FAILED
        assert "Input/output error" in status.message
        assert status.step.startswith("write the root image")
        assert await node.power() is None
        await node.put("persistent", MachineConfiguration(yaml=CONFIG, source="api"))
        assert len(port.medium.opened) == 1
        port.failing = None
        await node.put("install", InstallRequest(requested=5.0))
        status = await node.show()
        assert (status.phase, status.requested) == (PHASE.INSTALLED, 5.0)


async def test_a_changed_document_is_another_attempt(tmp_path: Any) -> None:
    port = FakePort()
    port.verdict, port.found = Verdict.FOREIGN, ("an MBR",)
    async with Node(tmp_path, port) as node:
        await node.give()
        assert "holds an MBR" in (await node.show()).message
        await node.put("default", msgspec.structs.replace(DOCUMENT, wipe=True))
        assert (await node.show()).phase is PHASE.INSTALLED


@pytest.mark.parametrize("source", ["state", "state+image", "run"])
async def test_wipe_of_a_configuration_that_was_kept_does_not_count(tmp_path: Any, source: str) -> None:
    port = FakePort()
    port.verdict, port.found = Verdict.OURS, ("a GPT of 6 partitions",)
    async with Node(tmp_path, port) as node:
        await node.give(document=msgspec.structs.replace(DOCUMENT, wipe=True), source=source)
        status = await node.show()
        assert status.phase is PHASE.FAILED
        assert "kept from an earlier boot does not count: run `ophite install --wipe`" in status.message
        await node.put("install", InstallRequest(wipe=True, requested=1.0))
        assert (await node.show()).phase is PHASE.INSTALLED


async def test_a_request_names_disk_wipe_and_image(tmp_path: Any) -> None:
    port = FakePort()
    port.verdict, port.found = Verdict.FOREIGN, ("an MBR",)
    async with Node(tmp_path, port) as node:
        await node.give(document=None, disks=(SDA, SDB))
        request = InstallRequest(disk="/dev/disk/by-id/ata-x", wipe=True, image="https://example.com/b", requested=1.0)
        await node.put("install", request)
        assert (await node.show()).disk == "/dev/sda"
        assert (await node.show()).phase is PHASE.INSTALLED
        assert port.medium.opened == ["https://example.com/b"]


@pytest.mark.parametrize(("disk", "text"), [("/dev/sdz", "there is no disk /dev/sdz"), ("", "no disk was chosen")])
async def test_a_request_without_a_disk_lists_them(tmp_path: Any, disk: str, text: str) -> None:
    async with Node(tmp_path, FakePort()) as node:
        await node.give(document=None)
        await node.put("install", InstallRequest(disk=disk, requested=1.0))
        status = await node.show()
        assert status.phase is PHASE.FAILED
        assert text in status.message
        assert "/dev/sda" in status.message


async def test_a_read_only_disk_is_refused(tmp_path: Any) -> None:
    async with Node(tmp_path, FakePort()) as node:
        await node.give(disks=(msgspec.structs.replace(SDA, read_only=True),))
        assert "/dev/sda is read-only" in (await node.show()).message


async def test_what_is_installed_already_needs_no_reboot(tmp_path: Any) -> None:
    port = FakePort()
    async with Node(tmp_path, port) as node:
        await node.give()
    async with Node(tmp_path, port) as node:
        await node.give()
        status = await node.show()
        assert status.phase is PHASE.ALREADY_INSTALLED
        assert await node.power() is None


async def test_somebody_else_s_power_request_stays(tmp_path: Any) -> None:
    async with Node(tmp_path, FakePort()) as node:
        await node.put("power", PowerRequest(action="poweroff"), owner="api")
        await node.give()
        assert (await node.show()).phase is PHASE.INSTALLED
        assert await node.power() == PowerRequest(action="poweroff")


async def test_a_bug_is_shown_and_not_tried_again(tmp_path: Any) -> None:
    port = FakePort()
    port.medium.error = KeyError("bug")
    async with Node(tmp_path, port) as node:
        await node.give()
        await node.clock.advance(60.0)
        status = await node.show()
        assert status.phase is PHASE.FAILED
        assert "its log says why" in status.message
        assert len(port.medium.opened) == 1


async def test_in_namespaces_there_is_nothing(tmp_path: Any) -> None:
    async with Node(tmp_path, FakePort(), platform="namespaces") as node:
        assert await node.ids(InstallStatus) == []
