"""What is done for want of memory, on a made-up /sys."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from controllers.block.swap import MAGIC
from controllers.machine.memory_apply import MemoryApplyController
from controllers.ports import Paths, Ports
from controllers.resources.machine import KernelModuleStatus, MemoryStatus, PlatformInfo
from controllers.runtime.errors import Waiting
from controllers.runtime.resource import Resource, new
from tests.harness.reconcile import run_reconcile

SMALL = 905 << 20
SIZE = SMALL // 2
PAGE = os.sysconf("SC_PAGE_SIZE")


class Node:
    """A node's /sys, /dev and /proc, and what was swapped to."""

    def __init__(self, root: Path, memory: int = SMALL) -> None:
        self.root, self.memory = root, memory
        self.huge = root / "sys/kernel/mm/transparent_hugepage/enabled"
        self.size = root / "sys/block/zram0/disksize"
        self.device = root / "dev/zram0"
        self.swaps = root / "proc/swaps"
        for path, text in ((self.huge, "always"), (self.size, "0"), (self.device, "\0" * PAGE), (self.swaps, "Filename\n")):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def swap_on(self, device: str, priority: int) -> None:
        self.swaps.write_text(self.swaps.read_text() + f"{device} partition {SIZE} 0 {priority}\n")

    def look(self, platform: str = "metal", state: str = "loaded") -> MemoryStatus:
        """What the controller says."""
        given: list[Resource[Any]] = [
            new("platform", PlatformInfo(platform=platform)),
            new("zram", KernelModuleStatus(name="zram", state=state, error="" if state == "loaded" else "no such module")),
        ]
        controller = MemoryApplyController(Ports(paths=Paths(self.root), memory=self.memory), self.swap_on)
        (wanted,) = run_reconcile(controller, given)
        assert isinstance(wanted.spec, MemoryStatus)
        return wanted.spec


def test_a_small_machine_swaps_to_compressed_memory(tmp_path: Path) -> None:
    node = Node(tmp_path)
    assert node.look() == MemoryStatus(profile="small", total=SMALL, compressed=SIZE)
    assert node.huge.read_text() == "madvise"
    assert node.size.read_text() == str(SIZE)
    assert node.device.read_bytes().endswith(MAGIC)
    assert f"{node.device} partition" in node.swaps.read_text()


def test_another_brain_finds_it_there(tmp_path: Path) -> None:
    node = Node(tmp_path)
    first = node.look()
    node.device.write_bytes(b"pages in use")
    assert node.look() == first
    assert node.device.read_bytes() == b"pages in use"
    assert node.swaps.read_text().count("zram0") == 1


def test_what_a_killed_brain_left_half_done_is_completed(tmp_path: Path) -> None:
    node = Node(tmp_path)
    node.size.write_text(str(SIZE))
    assert node.look().compressed == SIZE
    assert node.device.read_bytes().endswith(MAGIC)


def test_without_the_module_it_says_so_and_goes_on(tmp_path: Path) -> None:
    status = Node(tmp_path).look(state="failed")
    assert (status.compressed, status.error) == (0, "zram: no such module")


@pytest.mark.parametrize(("memory", "platform", "profile"), [(8 << 30, "metal", "plenty"), (SMALL, "namespaces", "small")])
def test_nothing_is_touched(tmp_path: Path, memory: int, platform: str, profile: str) -> None:
    node = Node(tmp_path, memory)
    assert node.look(platform) == MemoryStatus(profile=profile, total=memory)
    assert (node.huge.read_text(), node.size.read_text()) == ("always", "0")


def test_it_waits_for_the_module(tmp_path: Path) -> None:
    node = Node(tmp_path)
    controller = MemoryApplyController(Ports(paths=Paths(tmp_path), memory=SMALL), node.swap_on)
    with pytest.raises(Waiting, match="KernelModuleStatus/zram"):
        run_reconcile(controller, [new("platform", PlatformInfo(platform="metal"))])
