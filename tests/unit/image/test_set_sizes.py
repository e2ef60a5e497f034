"""What a set costs: every file counts once, with the first set that brings it."""

from __future__ import annotations

from pathlib import Path

from image.kmod import ModuleInfo, Modules
from image.set_sizes import SetSize, measure_sets
from image.sets.moduleset import ModuleSet


def test_shares_add_up(tmp_path: Path) -> None:
    firmware = tmp_path / "fw/usr/lib/firmware"
    firmware.mkdir(parents=True)
    (firmware / "x.bin").write_bytes(bytes(100))
    (firmware / "y.bin").write_bytes(bytes(1000))
    found = {}
    for name, size, depends, wants in (
        ("common", 1, (), ("x.bin",)),
        ("a", 2, ("common",), ()),
        ("b", 4, ("common",), ("y.bin",)),
    ):
        found[name] = ModuleInfo(name, f"{name}.ko.xz", depends, (), (), (), wants)
        (tmp_path / f"{name}.ko.xz").write_bytes(bytes(size))
    modules = Modules("6.1", found, frozenset(), {})
    sets = (
        ModuleSet("base", "x", modules=("a",), firmware=("fw",)), ModuleSet("more", "x", modules=("a", "b")),
        ModuleSet("none", "x", microcode=("y",)),
    )  # fmt: skip
    sizes = measure_sets(sets, modules, tmp_path, {"fw": tmp_path / "fw"})
    assert sizes == (SetSize("base", 2, 3, 1, 100), SetSize("more", 1, 4, 1, 1000), SetSize("none", 0, 0, 0, 0))
    assert sizes[1].describe() == {
        "name": "more", "modules": 1, "module_bytes": 4, "firmware": 1, "firmware_bytes": 1000,
    }  # fmt: skip
