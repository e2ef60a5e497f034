"""Every device of a Raspberry Pi's device tree finds its driver in the image, by the code that looks for it on the node."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from controllers.hardware.aliases import match_devices, read_aliases
from image.boards import BOARDS
from image.boards.board import Board, RaspberryPi
from image.cache import Cache
from image.formats.fdt import parse
from image.kernels import find_device_trees, find_kernel, join_trees
from image.kmod import Modules, read_modules, render_index
from image.packages import Apt, find_mirror
from image.sets import choose_sets, expand_modules, expand_stage1

pytestmark = [pytest.mark.image, pytest.mark.timeout(1800)]

PIS = sorted(name for name, board in BOARDS.items() if isinstance(board.boot, RaspberryPi))
LEFT_OUT = {
    "hci_uart": "Bluetooth",
    "v3d": "graphics",
    "vc4": "graphics",
    "onboard_usb_dev": "switches power of the hub that the board has; it is on",
}
"""Drivers that the kernel has for a device of these boards and that no node needs."""
SLOW = 5
"""Comparisons for each device, at most."""


def list_texts(tree: Path) -> Iterator[str]:
    """The modalias that Linux makes of every enabled node (of_device_modalias, drivers/of/module.c)."""
    for path, node in parse(tree.read_bytes()).walk():
        values = {key: value.rstrip(b"\0").decode("utf-8", "replace") for key, value in node.properties.items()}
        if path != "/" and "compatible" in values and values.get("status", "okay") in ("okay", "ok"):
            name, kind = path.rpartition("/")[2].partition("@")[0], values.get("device_type") or "(null)"
            yield f"of:N{name}T{kind}" + "".join(f"C{one.replace(' ', '_')}" for one in values["compatible"].split("\0"))


@dataclass(frozen=True)
class Machine:
    """A board's kernel, and the texts of its devices."""

    board: Board
    modules: Modules
    texts: frozenset[str]

    def find_drivers(self) -> set[str]:
        """The modules that the whole kernel has for the devices."""
        aliases = [(alias, module.name) for module in self.modules.found.values() for alias in module.aliases]
        return {name for names in match_devices(self.texts, aliases).modules.values() for name in names}


@cache
def load(name: str) -> Machine:
    """Download what is not in the cache yet."""
    board, cached = BOARDS[name], Cache.default()
    assert isinstance(board.boot, RaspberryPi)
    apt = Apt.make(cached, "arm64", find_mirror(None))
    parts = find_kernel(apt, board.kernels["arm64"])
    packages = apt.fetch(parts.packages)
    joined = join_trees(cached, [packages[part.name] for part in parts.packages])
    modules = read_modules(joined / "usr/lib/modules" / parts.version, cached, joined.name)
    trees = find_device_trees(joined, parts.version)
    files = [tree for pattern in board.boot.device_trees for tree in trees.glob(pattern)]
    return Machine(board, modules, frozenset(text for tree in files for text in list_texts(tree)))


@pytest.mark.parametrize("name", PIS)
def test_every_device_finds_its_driver(name: str, tmp_path: Path) -> None:
    machine = load(name)
    board, modules = machine.board, machine.modules
    sets = choose_sets(board.sets)
    words = (*board.stage1, *expand_stage1(sets, modules), *board.modules, *expand_modules(sets, modules))
    index = tmp_path / "modules.json"
    index.write_text(render_index(modules, modules.closure(words), "/m"))
    assert len(machine.texts) > 30
    matches = match_devices(machine.texts, read_aliases(index))
    assert matches.compared < SLOW * len(machine.texts)
    found = {module for names in matches.modules.values() for module in names}
    assert machine.find_drivers() - found == machine.find_drivers() & set(LEFT_OUT)
    assert found & {"dwc2", "dwc3"}


def test_the_list_of_what_is_left_out_is_no_longer_than_it_must_be() -> None:
    assert set(LEFT_OUT) <= {driver for name in PIS for driver in load(name).find_drivers()}
