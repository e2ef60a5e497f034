"""Build an image: from source and packages to a bootable disk.

The recipe is the table `STEPS`; each step takes the frozen context and returns it with what it made, and keeps its result
in the cache by the content of its inputs. Nothing needs root. `python -m image.build --help` tells the options.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import sys
import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from image.arch import Arch, get_arch
from image.boards import get_board
from image.boards.board import Board, RaspberryPi, Uefi
from image.boards.modules import MEDIUM
from image.bundle import make_members, write_bundle
from image.cache import Cache
from image.context import Context, ImageResult, Options
from image.deliver import check_formats, deliver
from image.errors import ImageError
from image.filesystem import make_root_image
from image.firmware import find_firmware
from image.grub import make_grub
from image.initramfs import make_initramfs
from image.kernels import find_kernel, join_trees
from image.kmod import read_modules, render_index
from image.kubernetes import get_kubernetes
from image.manifest import render_manifest
from image.options import parse_options
from image.outputs import list_outputs, write_outputs
from image.overlay import check_overlay
from image.packages import Apt, find_mirror
from image.pi import list_boot_files
from image.preload import OWN_ARCHIVES, make_preloads
from image.progress import Progress
from image.python import PROJECT, make_code, make_site_packages, make_stdlib
from image.rootfs import make_root
from image.rootlist import STDLIB, list_packages
from image.run import run
from image.sets import choose_sets, expand_modules, expand_stage1, list_set_packages
from image.sign import get_signing_key
from image.tools import TOOL_PACKAGES, fetch_tools
from image.uki import make_uki, render_command_line
from image.wheels import fetch_wheels

# Kinds of cache entries that are made from others: --rebuild makes them again, and only the newest are kept.
MADE = ("stdlib", "site-packages", "code", "preload", "grub", "kernel", "root", "hashes", "erofs", "initramfs", "medium", "uki")
BUNDLE = "ophite.bundle"
VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+~-]{0,63}")
HOST_ERRORS = {
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room",
    errno.EACCES: "check permissions",
    errno.EROFS: "write elsewhere",
}
UNHASHED = ("disk.img", "pxe")  # a disk changes as soon as it is used, and holds what is hashed; pxe is a directory
RESOLVED = ("apt", "resolve", "source")  # --refresh
PRUNED = ("code", "kernel", "root", "hashes", "erofs", "initramfs", "medium", "uki")


def make_tools(context: Context) -> Context:
    """The programs that make the image, from the image's own Debian release."""
    return replace(context, tools=fetch_tools(TOOL_PACKAGES, context.cache, context.options.mirror))


def fetch_packages(context: Context) -> Context:
    """The packages of the written list and the kernel, downloaded, checked and unpacked."""
    apt = Apt.make(context.cache, context.arch.name, find_mirror(context.options.mirror))
    board_kernel = context.board.kernels[context.arch.name]
    kernel = find_kernel(apt, board_kernel)
    names = [
        *list_packages(context.board, context.arch),
        *list_set_packages(context.sets, context.arch.name, board_kernel.suite),
    ]
    packages = {package.name: package for package in (*apt.resolve(list(dict.fromkeys(names))), *kernel.packages)}
    found = tuple(packages[name] for name in sorted(packages))
    trees = apt.fetch(found)
    tree = join_trees(context.cache, [trees[package.name] for package in kernel.packages])
    return replace(context, packages=found, trees=trees, kernel=tree, kernel_version=kernel.version)


def fetch_kubernetes(context: Context) -> Context:
    """Kubernetes' programs: built from source (once), downloaded, or the user's."""
    return replace(context, kubernetes=get_kubernetes(context.options, context.arch, context.cache))


def fetch_python(context: Context) -> Context:
    """The wheels of the lock, checked by hash, compiled."""
    wheels = fetch_wheels(context.cache, context.arch)
    return replace(context, wheels=wheels, site_packages=make_site_packages(context.cache, context.tools, wheels))


def compile_stdlib(context: Context) -> Context:
    """The standard library as byte code."""
    trees = [context.trees[name] for name in STDLIB]
    return replace(context, stdlib=make_stdlib(context.cache, context.tools, trees))


def compile_code(context: Context) -> Context:
    """PID 1, the controllers and the API as byte code."""
    return replace(context, code=make_code(context.cache, context.tools))


def choose_modules(context: Context) -> Context:
    """Kernel modules that the board and its sets want, with all they need in load order, and the firmware that they name."""
    top = context.kernel / "usr/lib/modules" / context.kernel_version
    modules = read_modules(top, context.cache, context.kernel.name)
    wanted = (*context.arch.hash_modules, *context.board.stage1, *expand_stage1(context.sets, modules))
    stage1 = tuple(modules.closure(wanted))
    medium = tuple(modules.closure((*wanted, *MEDIUM)))
    chosen = tuple(modules.closure((*wanted, *context.board.modules, *expand_modules(context.sets, modules))))
    return replace(
        context,
        modules=chosen,
        stage1_modules=stage1,
        medium_modules=medium,
        module_index=render_index(modules, chosen, f"/usr/lib/modules/{context.kernel_version}"),
        firmware=find_firmware(chosen, context.sets, context.trees),
        stage1_firmware=find_firmware(stage1, context.sets, context.trees),
    )


def preload_images(context: Context) -> Context:
    """The container images that a node needs to come up without a registry."""
    return replace(context, preloads=make_preloads(context))


def make_boot_loader(context: Context) -> Context:
    """GRUB for BIOS machines, where the architecture has them."""
    wanted = context.arch.bios_loader and isinstance(context.board.boot, Uefi)
    return replace(context, grub=make_grub(context)) if wanted else context


def lay_root(context: Context) -> Context:
    """All files of the root image in one tree."""
    return replace(context, root=make_root(context))


def pack_root(context: Context) -> Context:
    """The tree as a compressed, verified file system; its root hash goes into the command line."""
    packed = replace(context, root_image=make_root_image(context.cache, context.tools, context.root))
    return replace(packed, command_line=render_command_line(packed))


def pack_initramfs(context: Context) -> Context:
    """What the kernel starts: the interpreter and PID 1."""
    return replace(context, initramfs=make_initramfs(context))


def make_boot_files(context: Context) -> Context:
    """What the machine's firmware starts: kernel, initramfs and command line as one EFI program, or a slot's files."""
    if isinstance(context.board.boot, RaspberryPi):
        return replace(context, boot_files=list_boot_files(context))
    return replace(context, uki=make_uki(context, context.command_line, [context.initramfs]))


def write_files(context: Context) -> Context:
    """The files that a kernel or firmware is started from, in the output directory."""
    write_outputs(context)
    return context


def sign_bundle(context: Context) -> Context:
    """What a node is upgraded with."""
    write_bundle(make_members(context), context.options.output / BUNDLE)
    return context


def write_forms(context: Context) -> Context:
    """The disk, and the other forms that are asked for."""
    return replace(context, forms=tuple(deliver(context)))


def write_manifest(context: Context) -> Context:
    """What is in the image; old entries of the cache go."""
    output = context.options.output
    packed = [name for name in context.forms if name not in UNHASHED]
    names = sorted([*list_outputs(context), BUNDLE, *packed, *(f"pxe/{path.name}" for path in (output / "pxe").glob("*"))])
    (output / "manifest.json").write_text(render_manifest(context, {name: output / name for name in names}))
    for kind in PRUNED:
        context.cache.prune(kind)
    return context


@dataclass(frozen=True)
class Step:
    """One line of the recipe."""

    name: str
    run: Callable[[Context], Context]


STEPS = (
    Step("tools", make_tools),
    Step("packages", fetch_packages),
    Step("kubernetes", fetch_kubernetes),
    Step("python packages", fetch_python),
    Step("standard library", compile_stdlib),
    Step("our code", compile_code),
    Step("kernel modules", choose_modules),
    Step("container images", preload_images),
    Step("boot loader", make_boot_loader),
    Step("root tree", lay_root),
    Step("root image", pack_root),
    Step("initramfs", pack_initramfs),
    Step("boot files", make_boot_files),
    Step("output", write_files),
    Step("bundle", sign_bundle),
    Step("disk and media", write_forms),
    Step("manifest", write_manifest),
)


def build_image(options: Options, progress: Progress | None = None) -> ImageResult:
    """Carry out the recipe. Raises `ImageError` with a hint for everything that the user can mend."""
    shown = progress or Progress(quiet=True)
    started = time.monotonic()
    context = begin(options)
    with shown:
        for step in STEPS:
            with shown.step(step.name, len(STEPS)):
                context = step.run(context)
    return measure(context, time.monotonic() - started)


def begin(options: Options) -> Context:
    """The context of the first step; options are checked here."""
    fresh = (RESOLVED if options.refresh else ()) + (MADE if options.rebuild else ())
    cache = Cache.default()
    arch, board = get_arch(options.architecture), get_board(options.board)
    check_board(board, arch, options.formats)
    for path in (*options.preload, *([options.config] if options.config else [])):
        if not path.is_file():
            raise ImageError(f"{path}: no such file", "check --preload and --config")
    check_formats(options.formats, options.compress, options.base_url)
    if options.overlay is not None:
        check_overlay(options.overlay)
    names = [*OWN_ARCHIVES, *(path.name for path in options.preload)]
    if len(set(names)) != len(names):
        raise ImageError(f"--preload: two archives of one name among {', '.join(sorted(names))}", "rename one of them")
    version, key = options.image_version or read_version(), get_signing_key(options.signing_key)
    if not VERSION.fullmatch(version):
        raise ImageError(f"--image-version {version!r}: not 1 to 64 letters, digits and . + ~ -", "such as 1.2.3")
    sets = choose_sets(board.sets, options.sets)
    return Context(options, board, arch, replace(cache, fresh=frozenset(fresh)), version, read_epoch(), key, sets=sets)


def check_board(board: Board, arch: Arch, formats: Sequence[str]) -> None:
    """Raise `ImageError` for an architecture or a form that the board does not have."""
    if arch.name not in board.kernels:
        raise ImageError(f"board {board.name}: no kernel for {arch.name}", f"--arch {' or '.join(sorted(board.kernels))}")
    if isinstance(board.boot, RaspberryPi) and (media := sorted({"iso", "pxe"} & set(formats))):
        raise ImageError(f"--format {media[0]}: board {board.name} starts from a card or a disk only", "--format raw or sd")


def read_version() -> str:
    """Ophite's version, from pyproject.toml."""
    text = (PROJECT / "pyproject.toml").read_text()
    return str(tomllib.loads(text)["project"]["version"])


def read_epoch() -> int:
    """The time that the image bears: SOURCE_DATE_EPOCH, else the last commit's, else the newest source file's."""
    if stated := os.environ.get("SOURCE_DATE_EPOCH"):
        if not stated.isdecimal():
            raise ImageError(f"SOURCE_DATE_EPOCH={stated!r} is no number", "seconds since 1970, or unset it")
        return int(stated)
    if shutil.which("git") and (PROJECT / ".git").exists():
        try:
            return int(run(["git", "-C", PROJECT, "log", "-1", "--format=%ct"]))
        except ImageError:
            pass  # a checkout that belongs to another user, or one without commits
    return int(max(path.stat().st_mtime for path in (PROJECT / "init").rglob("*.py")))


def measure(context: Context, seconds: float) -> ImageResult:
    """The sizes of what was made."""
    forms = [context.options.output / name for name in context.forms]
    return ImageResult(
        output=context.options.output,
        root_hash=context.root_image.root_hash,
        root_bytes=context.root_image.path.stat().st_size,
        tree_bytes=context.root_image.tree_bytes,
        initramfs_bytes=context.initramfs.stat().st_size,
        boot_bytes=sum(
            len(content) if isinstance(content, bytes) else content.stat().st_size
            for content in (context.boot_files or {"": context.uki}).values()
        ),
        form_bytes={path.name: (path.stat().st_size, path.stat().st_blocks * 512) for path in forms if path.is_file()},
        executables=len(context.executables),
        seconds=seconds,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """The command; 0 or 1."""
    try:
        options, quiet = parse_options(sys.argv[1:] if argv is None else argv)
        progress = Progress(quiet=quiet)
        result = build_image(options, progress)
    except ImageError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except OSError as error:
        if error.errno not in HOST_ERRORS:
            raise
        sys.stderr.write(
            f"error: {error.filename or 'a file of the build'}: {error.strerror}\nhint: {HOST_ERRORS[error.errno]}\n"
        )
        return 1
    progress.report(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
