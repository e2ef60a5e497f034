import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from controllers.lifecycle.bundle import (
    MANIFEST_LIMIT,
    ORDER,
    Manifest,
    Node,
    Part,
    check_compatible,
    load_keys,
    open_parts,
    parse_manifest,
)
from controllers.lifecycle.errors import BundleError
from image import bundle as image_bundle
from image.boards.board import RaspberryPi, Uefi
from image.context import Context
from tests.unit.lifecycle.bundles import COMMAND_LINE, KEY, KEYS, Recipe, make_parts, root_hash, write_key

NODE = Node("1.0", "generic", "amd64", root_hash("1.0"))


def parse(recipe: Recipe) -> Manifest:
    return parse_manifest(recipe.manifest, recipe.key.sign(recipe.manifest), KEYS)


def test_a_signed_manifest_is_believed() -> None:
    manifest = parse(Recipe())
    assert (manifest.version, manifest.arch, manifest.root_hash) == ("2.0", "amd64", root_hash())
    assert manifest.size == sum(map(len, make_parts().values()))


def test_another_signature_is_not() -> None:
    with pytest.raises(BundleError, match="none of the keys") as caught:
        parse(Recipe(key=Ed25519PrivateKey.generate()))
    assert "--signing-key" in caught.value.hint


@pytest.mark.parametrize("size", [0, 63, 65])
def test_a_signature_of_another_size_is_not(size: int) -> None:
    with pytest.raises(BundleError, match="none of the keys"):
        parse_manifest(Recipe().manifest, bytes(size), KEYS)


def test_one_changed_byte_breaks_the_signature() -> None:
    manifest = Recipe().manifest
    with pytest.raises(BundleError, match="none of the keys"):
        parse_manifest(manifest.replace(b"amd64", b"arm64"), KEY.sign(manifest), KEYS)


PART = {"size": 1, "sha256": "0" * 64}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 0}, "format 0, older than 1"),
        ({"format": 3, "minimum_format": 2}, "needs a node that reads format 2; this one reads up to 1"),
        ({"surprise": 1}, "unknown field `surprise`"),
        ({"version": "../../x"}, r"regex.*version"),
        ({"version": "2\n"}, r"regex.*version"),
        ({"root_hash": "ab"}, r"regex.*root_hash"),
        ({"built": -1}, r"built"),
        ({"files": {}}, "lacks boot.efi, ophite.efi"),
        ({"files": dict.fromkeys(ORDER, PART) | {"evil": PART}}, "unknown parts: evil"),
        ({"files": {key: {"size": -1, "sha256": "0" * 64} for key in ORDER}}, "size"),
        ({"files": {key: {"size": 1 << 60, "sha256": "0" * 64} for key in ORDER}}, "size"),
        ({"files": {key: {"size": 1, "sha256": "xyz"} for key in ORDER}}, "sha256"),
        ({"files": {str(at): PART for at in range(65)}}, "files"),
        ({"format": "1"}, "format"),
    ],
)
def test_a_signed_manifest_may_still_be_wrong(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(BundleError, match=message):
        parse(Recipe(changes=changes))


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"{", b"\xff", b"[" * 50_000])
def test_what_is_no_manifest_is_refused(data: bytes) -> None:
    with pytest.raises(BundleError, match="manifest is wrong"):
        parse_manifest(data, KEY.sign(data), KEYS)


def test_a_newer_format_that_can_be_read_is() -> None:
    files = dict.fromkeys([*ORDER, "new.img"], PART)
    manifest = parse(Recipe(changes={"format": 2, "minimum_format": 1, "surprise": 1, "files": files}))
    assert manifest.format == 2


def test_an_arm_bundle_needs_no_grub() -> None:
    assert "grub/core.img" not in parse(Recipe(arch="arm64")).files
    with pytest.raises(BundleError, match=r"lacks grub/core.img, grub/boot.img"):
        parse(Recipe(parts=make_parts(bios=False)))


def test_a_fitting_bundle_is_accepted() -> None:
    check_compatible(parse(Recipe()), NODE)


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (Node("1.0", "generic", "arm64"), "architecture amd64, this node has arm64"),
        (Node("1.0", "rpi", "amd64"), "board generic, this node has rpi"),
        (Node("2.0", "generic", "amd64", root_hash("2.0")), "runs exactly this image already"),
        (Node("1.0", "rpi", "arm64"), "arm64; it is for the board"),
    ],
)
def test_a_bundle_for_another_node_is_refused(node: Node, message: str) -> None:
    with pytest.raises(BundleError, match=message) as caught:
        check_compatible(parse(Recipe()), node)
    assert caught.value.hint


def test_the_same_version_of_another_build_is_accepted() -> None:
    check_compatible(parse(Recipe()), Node("2.0", "generic", "amd64", root_hash("1.0")))


def test_keys_come_from_the_image(tmp_path: Path) -> None:
    write_key(tmp_path / "keys")
    assert [key.public_bytes_raw() for key in load_keys(tmp_path / "keys")] == [KEYS[0].public_bytes_raw()]


def test_an_image_without_keys_believes_nobody(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="holds no key"):
        load_keys(tmp_path / "keys")


@pytest.mark.parametrize("kind", ["garbage", "other"])
def test_a_file_that_is_no_ed25519_key_is_named(tmp_path: Path, kind: str) -> None:
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "bad.pem").write_bytes(b"x" if kind == "garbage" else pem)
    with pytest.raises(BundleError, match=r"bad\.pem: (no public key|not an Ed25519 key)"):
        load_keys(tmp_path)


def test_a_medium_holds_the_parts_unpacked(tmp_path: Path) -> None:
    said: list[float] = []
    bundle = open_parts(Recipe().unpack(tmp_path), KEYS, lambda _, done: said.append(done))
    assert b"".join(bundle.read("root.erofs")) == make_parts()["root.erofs"]
    assert bundle.read_command_line() == COMMAND_LINE
    assert said == sorted(said)
    assert said[-1] == 1.0


@pytest.mark.parametrize("name", ["vmlinuz", "root.erofs", "grub/core.img"])
@pytest.mark.parametrize("how", ["changed", "short", "long", "gone", "link", "pipe"])
def test_a_medium_with_a_bad_part_is_refused(tmp_path: Path, name: str, how: str) -> None:
    path = Recipe().unpack(tmp_path) / name
    data = path.read_bytes()
    path.unlink()
    match how:
        case "changed":
            path.write_bytes(b"!" + data[1:])
        case "short":
            path.write_bytes(data[:-1])
        case "long":
            path.write_bytes(data + b"!")
        case "link":
            path.symlink_to("/etc/passwd")
        case "pipe":
            os.mkfifo(path)
    with pytest.raises(BundleError, match=name):
        open_parts(tmp_path, KEYS)


@pytest.mark.parametrize("name", ["manifest.json", "manifest.sig"])
def test_a_medium_without_or_with_a_huge_manifest_is_refused(tmp_path: Path, name: str) -> None:
    Recipe().unpack(tmp_path)
    (tmp_path / name).write_bytes(bytes(MANIFEST_LIMIT + 1))
    with pytest.raises(BundleError, match="more than"):
        open_parts(tmp_path, KEYS)
    (tmp_path / name).unlink()
    with pytest.raises(BundleError, match="No such file"):
        open_parts(tmp_path, KEYS)


def test_a_command_line_of_two_lines_is_refused(tmp_path: Path) -> None:
    bundle = open_parts(Recipe(parts=make_parts() | {"cmdline": b"a\nb\n"}).unpack(tmp_path), KEYS)
    with pytest.raises(BundleError, match="no single line"):
        bundle.read_command_line()


def test_a_command_line_that_is_far_too_long_is_refused(tmp_path: Path) -> None:
    bundle = open_parts(Recipe(parts=make_parts() | {"cmdline": b"x" * 20_000}).unpack(tmp_path), KEYS)
    with pytest.raises(BundleError, match="longer than 16384 bytes"):
        bundle.read_command_line()


def test_a_part_that_the_bundle_does_not_have_is_said(tmp_path: Path) -> None:
    bundle = open_parts(Recipe(arch="arm64").unpack(tmp_path), KEYS)
    with pytest.raises(BundleError, match=r"the bundle has no grub/core\.img"):
        list(bundle.read("grub/core.img"))


def test_the_build_and_the_node_agree_on_the_members() -> None:
    assert (image_bundle.MANIFEST, image_bundle.SIGNATURE) == ("manifest.json", "manifest.sig")
    assert image_bundle.FORMAT == 1


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_the_node_reads_the_manifest_that_the_build_writes(arch: str) -> None:
    named = {"board": SimpleNamespace(name="cloud"), "arch": SimpleNamespace(name=arch), "version": "0.1.0+dev-3"}
    context = SimpleNamespace(
        **named,
        kubernetes=SimpleNamespace(version="1.36.0"),
        epoch=1_700_000_000,
        root_image=SimpleNamespace(root_hash=root_hash()),
    )
    parts = make_parts(bios=arch == "amd64")
    data = image_bundle.render_manifest(cast(Context, context), parts)
    manifest = parse_manifest(data, KEY.sign(data), KEYS)
    assert (manifest.version, manifest.arch, manifest.board) == ("0.1.0+dev-3", arch, "cloud")
    assert {name: part.size for name, part in manifest.files.items()} == {name: len(data) for name, data in parts.items()}


def test_the_build_orders_its_parts_as_the_node_wants_them(tmp_path: Path) -> None:
    names = ("bootloader", "uki", "vmlinuz", "initramfs", "root.erofs", "core.img", "boot.img")
    for name in names:
        (tmp_path / name).write_bytes(name.encode())
    context = SimpleNamespace(
        board=SimpleNamespace(boot=Uefi()),
        uki=tmp_path / "uki",
        vmlinuz=tmp_path / "vmlinuz",
        initramfs=tmp_path / "initramfs",
        command_line="quiet",
        grub=tmp_path,
        root_image=SimpleNamespace(path=tmp_path / "root.erofs"),
    )
    with patch("image.bundle.find_boot_loader", return_value=tmp_path / "bootloader"):
        assert tuple(image_bundle.list_parts(cast(Context, context))) == ORDER


def test_the_build_orders_the_parts_of_a_raspberry_pi_as_the_node_wants_them(tmp_path: Path) -> None:
    (tmp_path / "root.erofs").write_bytes(b"root")
    context = SimpleNamespace(
        board=SimpleNamespace(boot=RaspberryPi(device_trees=())),
        boot_files=dict.fromkeys(sorted(PI_FILES), b"x"),
        command_line="quiet",
        root_image=SimpleNamespace(path=tmp_path / "root.erofs"),
    )
    parts = image_bundle.list_parts(cast(Context, context))
    files = {name: Part(1, "0" * 64) for name in reversed(list(parts))}
    manifest = parse(Recipe(changes={"files": msgspec.to_builtins(files)}))
    assert tuple(parts) == manifest.known


PI_FILES = ("config.txt", "cmdline.txt", "kernel8.img", "overlays/ophite.dtbo", "start4.elf", "bcm2711-rpi-4-b.dtb")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("boot/../x", "names unknown parts"),
        ("boot/.hidden", "names unknown parts"),
        ("boot/a/b", "names unknown parts"),
        ("boot/" + "x" * 65, "names unknown parts"),
        ("vmlinuz", ""),
    ],
)
def test_the_files_of_a_boot_partition_have_plain_names(name: str, message: str) -> None:
    names = (*(f"boot/{one}" for one in PI_FILES), "cmdline", "root.erofs", name)
    files = {one: {"size": 1, "sha256": "0" * 64} for one in names}
    if not message:
        assert parse(Recipe(changes={"files": files})).known[-1] == "root.erofs"
        return
    with pytest.raises(BundleError, match=message):
        parse(Recipe(changes={"files": files}))


def test_a_bundle_of_a_raspberry_pi_says_how_it_boots() -> None:
    files = {one: {"size": 1, "sha256": "0" * 64} for one in ("boot/kernel8.img", "cmdline", "root.erofs")}
    with pytest.raises(BundleError, match=r"lacks boot/cmdline\.txt, boot/config\.txt"):
        parse(Recipe(changes={"files": files}))
