"""Disks and volumes as a person sees them."""

from pathlib import Path
from typing import Any

from controllers.resources.block import Disk, VolumePhase, VolumeStatus
from controllers.runtime.resource import new
from tests.harness.api_node import FakeNode

GOLDEN = Path(__file__).parents[2] / "data" / "cli"
SYSTEM = Disk(
    path="/dev/nvme0n1",
    size=512110190592,
    model="Shiny SSD",
    serial="S1",
    transport="nvme",
    bus_path="pci-0000:01:00.0-nvme-1",
    holds="gpt: ESP, ROOT-A, ROOT-B, META and 2 more",
    in_use_by="system, STATE, EPHEMERAL",
    system=True,
)


async def test_disks_and_volumes(secure: FakeNode, ophite: Any) -> None:
    await secure.store.create(new("nvme0n1", SYSTEM))
    await secure.store.create(new("sda", Disk(path="/dev/sda", size=4000787030016, transport="ata")))
    ready = VolumeStatus(phase=VolumePhase.READY, device="/dev/nvme0n1p7", mount_point="/var", size=10 * 2**30, mounted=True)
    await secure.store.create(new("EPHEMERAL", ready))
    shown = (await ophite("get", "disks")).output + (await ophite("get", "volumes")).output
    assert shown == (GOLDEN / "get-disks.txt").read_text()
