"""What is started without a disk: the ISO image and the files of a network boot.

Both carry the bundle unpacked, as the directory `/ophite`: stage 1 takes the root image from there, and an installation all the
rest, so nothing is on a medium twice. Their initramfs is the disk's with more archives behind it (the kernel unpacks them one
over the other), which bring the drivers of media and a longer list of what stage 1 loads.
Trap: the kernel looks for another archive at multiples of 4 bytes only (init/initramfs.c). GRUB and ukify see to that.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from image import grub
from image.bundle import make_members
from image.cache import digest
from image.context import Context
from image.errors import ImageError
from image.esp import MIB, Fat, make_fat
from image.formats import cpio
from image.initramfs import compress, list_member, read_members
from image.run import run
from image.tools import fetch_tools, loader_argv
from image.uki import join_words, make_uki

DIRECTORY = "ophite"  # of a medium: the members of the bundle
ROOT_LINK, ROOT_TARGET = "root.erofs", f"{DIRECTORY}/root.erofs"
LABEL_DIGITS = 8
SPARE_MIB = 2  # of the ISO's ESP, for the file system itself
ISO_TOOLS = ("xorriso",)
ESP_GUID = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
DATA_GUID = "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7"
TIMEOUT = 900.0  # seconds
IPXE = """\
#!ipxe
# Starts Ophite {version} from memory. The three files lie beside this one.
imgfree
kernel vmlinuz initrd=initramfs.zst {words}
initrd initramfs.zst
boot
"""


def make_addition(context: Context) -> Path:
    """`medium.zst` in the cache: what a medium's initramfs has besides."""

    def make(directory: Path) -> None:
        have = {module.name for module in context.stage1_modules}
        members = read_members(context, (module for module in context.medium_modules if module.name not in have))
        archive = cpio.encode_archive([*members, list_member(context.medium_modules)])
        (directory / "medium.zst").write_bytes(compress(archive))

    paths = [[module.path for module in modules] for modules in (context.stage1_modules, context.medium_modules)]
    here = Path(__file__).parent
    recipe = [here / "initramfs.py", here / "formats/cpio.py"]
    key = digest("medium", recipe, context.kernel.name, context.kernel_version, paths)
    return context.cache.entry("medium", key[:24], make) / "medium.zst"


def make_label(context: Context) -> str:
    """The volume id of the ISO: which image it is, in the 16 characters that Joliet allows."""
    return f"OPHITE_{context.root_image.root_hash[:LABEL_DIGITS].upper()}"


def make_iso(context: Context, path: Path) -> None:
    """An image for CDs and sticks, which starts on UEFI and, where there are such machines, on a BIOS."""
    label = make_label(context)
    command_line = join_words(context, "ophite.root=iso", f"ophite.medium={label}")
    addition = make_addition(context)
    uki = make_uki(context, command_line, [context.initramfs, addition])
    with TemporaryDirectory(dir=path.parent, prefix=".iso.") as scratch:
        work = Path(scratch)
        efi = work / "efi.img"
        size = -(-uki.stat().st_size // MIB) + SPARE_MIB
        volume = context.root_image.root_hash[:8]
        make_fat({f"EFI/BOOT/BOOT{context.arch.efi.upper()}.EFI": uki}, Fat(size, "ESP", volume, context.epoch), efi)
        files = stage_members(make_members(context), work / "members")
        (work / ROOT_LINK).symlink_to(ROOT_TARGET)
        files[ROOT_LINK] = work / ROOT_LINK
        if context.grub is not None:
            loads = grub.render_boot(f"/{DIRECTORY}", command_line, ("initramfs.zst", "/grub/medium.zst"))
            (work / "grub.cfg").write_text(grub.render_medium(label, loads))
            grub.make_eltorito(context, label, work / "eltorito.img")
            names = {"grub.cfg": work / "grub.cfg", "eltorito.img": work / "eltorito.img", "medium.zst": addition}
            files |= {f"grub/{name}": place for name, place in names.items()}
        write_iso(context, label, files, path, efi)


def stage_members(members: Mapping[str, Path | bytes], directory: Path) -> dict[str, Path]:
    """The members as files: name on the medium → where it is."""
    files = {}
    for name, content in members.items():
        if isinstance(content, bytes):
            place = directory / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
            content = place
        files[f"{DIRECTORY}/{name}"] = content
    return files


def write_iso(context: Context, label: str, files: Mapping[str, Path], path: Path, efi: Path) -> None:
    """Run xorriso(1): ISO 9660 with Rock Ridge and Joliet, El Torito for CDs, a partition table for sticks."""
    tools = fetch_tools(ISO_TOOLS, context.cache, context.options.mirror)
    argv: list[str | Path] = [
        *loader_argv(tools, "usr/bin/xorriso"), "-as", "mkisofs", "-quiet", "-V", label, "-r", "-J", "-joliet-long",
        "--set_all_file_dates", f"={context.epoch}", "-partition_offset", "16",
        "-append_partition", "2", ESP_GUID, efi, "-appended_part_as_gpt", "-iso_mbr_part_type", DATA_GUID,
    ]  # fmt: skip
    if context.grub is not None:
        hybrid = context.trees[context.arch.bios_loader] / grub.GRUB_FILES / "boot_hybrid.img"
        argv += [
            "--grub2-mbr", hybrid, "--mbr-force-bootable", "-c", "/grub/boot.cat", "-b", "/grub/eltorito.img",
            "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", "--grub2-boot-info", "-eltorito-alt-boot",
        ]  # fmt: skip
    else:
        argv += ["-c", "/boot.cat"]
    argv += ["-e", "--interval:appended_partition_2:all::", "-no-emul-boot", "-o", path, "-graft-points"]
    argv += [f"/{name}={place}" for name, place in sorted(files.items())]
    run(argv, env={"SOURCE_DATE_EPOCH": str(context.epoch)}, timeout=TIMEOUT)


def make_netboot(context: Context, directory: Path) -> None:
    """The files of a network boot: kernel, initramfs with the root in it, command line, and a script for iPXE."""
    command_line = join_words(context, "ophite.root=initramfs")
    shutil.copyfile(context.vmlinuz, directory / "vmlinuz")
    (directory / "cmdline").write_text(f"{command_line}\n")
    (directory / "ophite.ipxe").write_text(render_ipxe(context.version, command_line))
    members = [cpio.link(ROOT_LINK, ROOT_TARGET)]
    for name, content in make_members(context).items():
        data = content if isinstance(content, bytes) else content.read_bytes()
        members.append(cpio.regular(f"{DIRECTORY}/{name}", data))
    with (directory / "initramfs.zst").open("wb") as file:
        for archive in (context.initramfs, make_addition(context)):
            data = archive.read_bytes()
            file.write(data + bytes(-len(data) % cpio.ALIGNMENT))
        file.writelines(cpio.iterate_archive(members))


def render_ipxe(version: str, command_line: str) -> str:
    """The script (ipxe.org/scripting); raises `ImageError` for a word that iPXE would change."""
    for word in command_line.split():
        if "${" in word or any(character in word for character in "'\"\\"):
            raise ImageError(f"kernel argument {word}: iPXE cannot hand on quotes, backslashes or ${{", "leave them out")
    return IPXE.format(version=version, words=command_line)
