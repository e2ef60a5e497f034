"""Kernel modules: what they say about themselves, and the order in which they load."""

from __future__ import annotations

import json
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest

from image.cache import Cache
from image.errors import ImageError
from image.kmod import (
    ModuleInfo,
    Modules,
    choose_providers,
    parse_builtin_aliases,
    parse_modinfo,
    parse_softdep,
    read_modules,
    render_index,
)  # fmt: skip


def module(name: str, *depends: str, before: tuple[str, ...] = (), aliases: tuple[str, ...] = ()) -> ModuleInfo:
    return ModuleInfo(name, f"kernel/{name}.ko.xz", depends, before, (), aliases)


def modules(*found: ModuleInfo, builtin: tuple[str, ...] = ()) -> Modules:
    return Modules("6.1", {item.name: item for item in found}, frozenset(builtin), choose_providers(found))


def names(items: list[ModuleInfo]) -> list[str]:
    return [item.name for item in items]


def test_modinfo() -> None:
    section = b"license=GPL\0depends=dm-mod,dm-bufio\0softdep=pre: crc32c post: late\0alias=fs-x\0alias=a-x\0broken\0"
    section += b"firmware=x/b.bin\0firmware=x/a-*.bin\0"
    assert parse_modinfo(section, "kernel/fs/my-x.ko.xz") == ModuleInfo(
        "my_x",
        "kernel/fs/my-x.ko.xz",
        ("dm_mod", "dm_bufio"),
        ("crc32c",),
        ("late",),
        ("a-x", "fs-x"),
        ("x/a-*.bin", "x/b.bin"),
    )


def test_softdep() -> None:
    assert parse_softdep("pre: a-b c post: d pre: e") == (("a_b", "c", "e"), ("d",))
    assert parse_softdep("") == ((), ())


def test_dependencies_come_first_and_once() -> None:
    all_modules = modules(module("verity", "dm", "bufio"), module("bufio", "dm"), module("dm"), module("other"))
    assert names(all_modules.closure(["verity", "bufio", "dm"])) == ["dm", "bufio", "verity"]


def test_a_soft_dependency_may_be_an_alias_and_the_generic_provider_wins() -> None:
    all_modules = modules(
        module("libcrc", before=("crc32c",)), module("crc32c_arch", aliases=("crc32c",)),
        module("crc32c_generic", aliases=("crc32c",)),
    )  # fmt: skip
    assert names(all_modules.closure(["libcrc"])) == ["crc32c_generic", "libcrc"]


def test_an_unknown_soft_dependency_is_left_out_but_an_unknown_wish_is_an_error() -> None:
    all_modules = modules(module("a", before=("nowhere",)))
    assert names(all_modules.closure(["a"])) == ["a"]
    with pytest.raises(ImageError, match="no module nowhere"):
        all_modules.closure(["nowhere"])
    assert names(all_modules.closure(["?nowhere", "?a"])) == ["a"]


def test_a_dependency_that_the_kernel_lacks_is_an_error() -> None:
    with pytest.raises(ImageError, match="no module gone, which b needs"):
        modules(module("a", "b"), module("b", "gone")).closure(["a"])
    with pytest.raises(ImageError, match="which b needs"):
        modules(module("a", "b"), module("b", "gone")).closure(["?a"])


def test_modules_are_known_by_name_alias_and_directory() -> None:
    all_modules = modules(module("a", aliases=("fs-a",)), module("deep/b"), builtin=("c",))
    assert [all_modules.has(name) for name in ("a", "fs-a", "c", "d")] == [True, True, True, False]
    assert all_modules.list_below("deep/") == ["deep/b"]
    assert all_modules.list_below("none/") == []


def test_a_cycle_of_soft_dependencies_ends() -> None:
    assert names(modules(module("a", before=("b",)), module("b", before=("a",))).closure(["a"])) == ["b", "a"]


def test_builtin_modules_have_nothing_to_load() -> None:
    all_modules = modules(module("x", "ext4"), builtin=("ext4",))
    assert names(all_modules.closure(["ext4", "x"])) == ["x"]
    index = json.loads(render_index(all_modules, all_modules.closure(["x"]), "/m"))
    assert index == {"order": {"ext4": [], "x": ["/m/kernel/x.ko.xz"]}, "aliases": {}, "also": {}}


def test_a_device_may_need_several_modules() -> None:
    card, program = "pci:v000019E5d0000A222sv*sd*bc*sc*i*", "crc32c"
    both = [module(name, aliases=(card, program)) for name in ("hns3", "hclge", "roce")]
    all_modules = modules(*both)
    index = json.loads(render_index(all_modules, both, "/m"))
    assert index["aliases"] == {card: "hclge", program: "hclge"}
    assert index["also"] == {card: ["hns3", "roce"]}


def test_builtin_aliases() -> None:
    data = b"crc32c_generic.license=GPL\0crc32c_generic.alias=crc32c\0a-b.alias=fs-x\0"
    assert parse_builtin_aliases(data) == {"crc32c": "crc32c_generic", "fs-x": "a_b"}


def test_a_directory_of_modules_is_read_and_kept(tmp_path: Path, elf: Callable[..., bytes]) -> None:
    top = tmp_path / "6.1"
    (top / "kernel/fs").mkdir(parents=True)
    (top / "kernel/sound").mkdir()
    (top / "kernel/fs/a.ko.xz").write_bytes(lzma.compress(elf(modinfo=b"depends=b\0")))
    (top / "kernel/fs/b.ko").write_bytes(elf(modinfo=b"depends=\0"))
    (top / "kernel/sound/loud.ko").write_bytes(b"never read")
    (top / "modules.builtin").write_text("kernel/fs/ext4/ext4.ko\n")
    (top / "modules.builtin.modinfo").write_bytes(b"ext4.alias=fs-ext4\0")
    cache = Cache(tmp_path / "cache")
    first = read_modules(top, cache, "key")
    assert names(first.closure(["a"])) == ["b", "a"]
    assert first.closure(["fs-ext4"]) == []
    (top / "kernel/fs/a.ko.xz").unlink()
    assert read_modules(top, cache, "key") == first
