"""The kernel's packages: followed from the meta package, joined, and read in both layouts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from image.boards.board import Kernel
from image.cache import Cache
from image.errors import ImageError
from image.kernels import find_device_trees, find_kernel, find_vmlinuz, join_trees
from image.packages import Apt, Package

SPLIT = {
    "linux-image-arm64": "linux-base-arm64 (= 7.2-1), linux-image-7.2+x-arm64 (= 7.2-1)",
    "linux-image-7.2+x-arm64": "dracut | initramfs-tools (>= 0.1), linux-base-7.2+x-arm64 (= 7.2-1), "
    "linux-binary-7.2+x-arm64 (= 7.2-1), linux-modules-7.2+x-arm64 (= 7.2-1)",
    "linux-base-7.2+x-arm64": "",
    "linux-binary-7.2+x-arm64": "linux-base-7.2+x-arm64 (= 7.2-1)",
    "linux-modules-7.2+x-arm64": "kmod, linux-base-7.2+x-arm64 (= 7.2-1)",
}
WHOLE = {"linux-image-arm64": "linux-image-6.12-arm64 (= 7.2-1)", "linux-image-6.12-arm64": "kmod, initramfs-tools"}


class Lists:
    """Stands in for apt: packages with these dependencies; remembers what it was asked for."""

    def __init__(self, depends: dict[str, str], version: str = "7.2-1") -> None:
        self.depends, self.version, self.asked = depends, version, list[str]()

    def resolve(self, names: Sequence[str]) -> tuple[Package, ...]:
        self.asked += names
        return tuple(self.make(name.partition("/")[0]) for name in sorted(names))

    def make(self, name: str) -> Package:
        return Package(name, self.version, "arm64", "linux", name, 1, self.depends[name], "kernel")


def find(lists: Lists, suite: str = "trixie") -> tuple[str, list[str]]:
    found = find_kernel(cast(Apt, lists), Kernel("linux-image-arm64", suite))
    return found.version, [package.name for package in found.packages]


def test_a_split_kernel_is_followed_in_its_suite() -> None:
    lists = Lists(SPLIT)
    assert find(lists, "forky") == ("7.2+x-arm64", sorted(set(SPLIT) - {"linux-image-arm64"}))
    assert all(name.endswith("/forky") for name in lists.asked)


def test_a_kernel_in_one_package() -> None:
    lists = Lists(WHOLE)
    assert find(lists) == ("6.12-arm64", ["linux-image-6.12-arm64"])
    assert lists.asked == ["linux-image-arm64", "linux-image-6.12-arm64"]  # its security updates lie in another suite


def test_lists_that_do_not_fit_together() -> None:
    with pytest.raises(ImageError, match=r"linux-image-6\.12-arm64: 7\.3-1 instead of 7\.2-1"):
        find(Lists(WHOLE, "7.3-1"))


@pytest.mark.parametrize("depends", ["", "linux-image-1-a, linux-image-2-a"])
def test_a_meta_package_leads_to_one_kernel(depends: str) -> None:
    with pytest.raises(ImageError, match="kernels"):
        find(Lists({"linux-image-arm64": depends}))


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_trees_are_joined_without_copying(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    first = write(tmp_path / "cache/unpacked/1/usr/lib/modules/7/vmlinuz", "k")
    write(tmp_path / "cache/unpacked/2/usr/lib/modules/7/kernel/a.ko", "m")
    tops = [tmp_path / "cache/unpacked/1", tmp_path / "cache/unpacked/2"]
    joined = join_trees(cache, tops)
    assert (joined / "usr/lib/modules/7/vmlinuz").samefile(first)
    assert (joined / "usr/lib/modules/7/kernel/a.ko").read_text() == "m"
    assert join_trees(cache, reversed(tops)) == joined
    assert join_trees(cache, tops[:1]) == tops[0]


@pytest.mark.parametrize(
    ("vmlinuz", "trees"),
    [("boot/vmlinuz-7", "usr/lib/linux-image-7"), ("usr/lib/modules/7/vmlinuz", "usr/lib/modules/7/dtb")],
)
def test_both_layouts(tmp_path: Path, vmlinuz: str, trees: str) -> None:
    write(tmp_path / vmlinuz)
    write(tmp_path / trees / "broadcom/x.dtb")
    assert find_vmlinuz(tmp_path, "7") == tmp_path / vmlinuz
    assert (find_device_trees(tmp_path, "7") / "broadcom/x.dtb").is_file()
    with pytest.raises(ImageError, match=r"no kernel image: none of boot/vmlinuz-8, usr/lib/modules/8/vmlinuz"):
        find_vmlinuz(tmp_path, "8")
