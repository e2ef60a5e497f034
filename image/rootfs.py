"""The root image's tree: chosen files of packages, Python, Kubernetes, modules and /etc, laid into one directory.

Owners and times are not kept: the file system is written with all files owned by root and one time. Permissions are set
here: 0755 for what `executables.py` lists and for directories, 0644 for all else, no set-user-id bit anywhere.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from image import etcfiles
from image.arch import Arch
from image.cache import digest, digest_file
from image.context import Context
from image.errors import ImageError
from image.executables import KUBERNETES, LINKS, Executable
from image.firmware import FIRMWARE, lay_firmware
from image.formats.elf import HEADER, is_elf, parse_elf, read_machine
from image.kubernetes import NODE_BINARIES
from image.overlay import lay_overlay
from image.python import CODE_DIRECTORY, STDLIB_DIRECTORY
from image.rootlist import Keep

SHARE = "usr/share/ophite"


def make_root(context: Context) -> Path:
    """The tree in the cache; raises `ImageError` when a package lacks a listed file or a library is missing."""

    def make(directory: Path) -> None:
        place = partial(link_file, cache=context.cache.root)
        for keep in context.keeps:
            for source, name in find_kept(keep, context.trees[keep.package], context.arch):
                place(source, directory / name)
        for executable in KUBERNETES:
            place(context.kubernetes.directory / Path(executable.path).name, directory / executable.path)
        shutil.copytree(context.stdlib, directory / STDLIB_DIRECTORY, copy_function=place)
        shutil.copytree(context.code, directory / CODE_DIRECTORY, copy_function=place)
        shutil.copytree(context.site_packages, directory / CODE_DIRECTORY / "site-packages", copy_function=place)
        copy_modules(context, directory)
        lay_firmware(context.firmware, directory, place)
        write_own_files(context, directory)
        make_links(directory, {**etcfiles.LINKS, **LINKS})
        if (directory / "usr/lib64").is_dir():
            make_links(directory, {"lib64": "usr/lib64"})
        if context.options.overlay is not None:
            lay_overlay(context.options.overlay, directory, context.tools)
        set_permissions(directory, context.executables)
        check_machine(directory, context.arch)
        check_libraries(directory)

    return context.cache.entry("root", root_key(context), make)


def root_key(context: Context) -> str:
    """The key over all that the tree is made of."""
    here = Path(__file__).parent
    recipe = [here / name for name in ("rootfs.py", "rootlist.py", "etcfiles.py", "executables.py", "overlay.py")]
    made = [place.name for place in (context.stdlib, context.code, context.site_packages)]
    made.append(name_binaries(context))
    hashes = [package.sha256 for package in context.packages]
    config = context.options.config
    return digest(
        recipe, made, hashes, context.kubernetes.version, context.module_index, release(context),
        [(file.name, file.link) for file in context.firmware], [(keep.package, keep.patterns) for keep in context.keeps],
        [item.path for item in context.executables],
        [(path.name, digest_file(path)) for path in context.preloads], config and digest_file(config),
        context.key.public, context.options.overlay,
    )[:24]  # fmt: skip


def name_binaries(context: Context) -> str:
    """What Kubernetes' programs are, as part of a key; the user's own may change under the same name."""
    binaries = context.kubernetes.directory
    if binaries.is_relative_to(context.cache.root):
        return binaries.name
    return digest([binaries / name for name in NODE_BINARIES])


def release(context: Context) -> str:
    """The text of release.json."""
    return etcfiles.render_release(
        context.version, context.kubernetes.version, context.board.name, context.arch.name, context.epoch
    )


def find_kept(keep: Keep, tree: Path, arch: Arch) -> Iterator[tuple[Path, str]]:
    """The files that are kept of one package, each with its name in the root: what lies in /usr/sbin goes to /usr/bin."""
    for pattern in keep.patterns:
        found = sorted(tree.glob(pattern.replace("{lib}", f"usr/lib/{arch.triplet}")))
        if not found:
            raise ImageError(f"the package {keep.package} has no file {pattern}", "correct image/rootlist.py")
        for path in found:
            yield path, path.relative_to(tree).as_posix().replace("usr/sbin/", "usr/bin/")


def copy_file(source: Path, target: Path) -> None:
    """Copy a file or a symbolic link, making the directories above it."""
    if not source.exists() and not source.is_symlink():
        raise ImageError(f"{source.name} is missing in {source.parent}", "a directory of binaries must hold all of them")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target, follow_symlinks=False)


def link_file(source: str | Path, target: str | Path, cache: Path) -> None:
    """Put a file into the tree without copying its content when it is of the cache: an entry's content never changes."""
    source, target = Path(source), Path(target)
    if source.is_symlink() or not source.is_file() or not source.is_relative_to(cache):
        copy_file(source, target)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another file system below the cache, or another user's file
        copy_file(source, target)


def copy_modules(context: Context, root: Path) -> None:
    """The kernel modules, as the package has them."""
    top = f"usr/lib/modules/{context.kernel_version}"
    for module in context.modules:
        copy_file(context.kernel / top / module.path, root / top / module.path)


def write_own_files(context: Context, root: Path) -> None:
    """/etc, the empty places, release.json, the module index, images and configuration."""
    for name in etcfiles.DIRECTORIES:
        (root / name).mkdir(parents=True, exist_ok=True)
    texts = {
        "etc/passwd": etcfiles.render_passwd(),
        "etc/group": etcfiles.render_group(),
        "etc/nsswitch.conf": etcfiles.NSSWITCH,
        "etc/os-release": etcfiles.render_os_release(context.version, context.board.name),
        "etc/ssl/certs/ca-certificates.crt": etcfiles.join_certificates(context.trees["ca-certificates"]),
        f"{CODE_DIRECTORY}/modules.json": context.module_index,
        f"{SHARE}/release.json": release(context),
        f"{SHARE}/keys/{context.key.id}.pem": context.key.public,
    }
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    for archive in context.preloads:
        copy_file(archive, root / SHARE / "images" / archive.name)
    if context.options.config is not None:
        copy_file(context.options.config, root / SHARE / "config.yaml")


def make_links(root: Path, links: dict[str, str]) -> None:
    """Symbolic links, name below the root → target."""
    for name, target in links.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(target)


def set_permissions(root: Path, executables: Iterable[Executable]) -> None:
    """Execute permission for the written list only. Raises `ImageError` when a listed program is not there."""
    programs = {root / executable.path for executable in executables}
    missing = sorted(str(path.relative_to(root)) for path in programs if not path.is_file())
    if missing:
        raise ImageError(f"not in the root: {', '.join(missing)}", "correct image/rootlist.py or image/executables.py")
    root.chmod(0o755)
    for path in root.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path in programs else 0o644)


def check_machine(root: Path, arch: Arch) -> None:
    """Every ELF file is for this architecture; raises `ImageError` with those that are not."""
    wrong = []
    for path in iterate_elf(root):
        with path.open("rb") as file:
            machine = read_machine(file.read(HEADER.size))
        if machine != arch.elf_machine:
            wrong.append(f"{path.relative_to(root)} (machine {machine})")
    if wrong:
        raise ImageError(
            f"not for {arch.name}: {', '.join(wrong)}", "check --kubernetes and --overlay, or choose another --arch"
        )


def check_libraries(root: Path) -> None:
    """Every shared library that a program or library asks for is in the root; raises `ImageError` with all that are not."""
    libraries: dict[str, list[str]] = {}
    present: set[str] = set()
    for path in iterate_elf(root):
        present.add(path.name)
        for needed in parse_elf(path.read_bytes()).find_needed():
            libraries.setdefault(needed, []).append(path.relative_to(root).as_posix())
    missing = [
        f"{name}, wanted by {users[0]}" for name, users in sorted(libraries.items()) if not is_present(name, present, root)
    ]
    if missing:
        raise ImageError("missing in the root: " + "; ".join(missing), "add the package to image/rootlist.py")


def is_present(library: str, files: set[str], root: Path) -> bool:
    """Whether a library is there by its own name or as a link (`libz.so.1` → `libz.so.1.3.1`)."""
    return library in files or any(root.glob(f"usr/lib/*/{library}"))


def iterate_elf(root: Path) -> Iterable[Path]:
    """All regular ELF files below `root`, except kernel modules (which are compressed) and firmware (for other processors)."""
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_symlink() and not path.is_relative_to(root / FIRMWARE):
            with path.open("rb") as file:
                if is_elf(file.read(4)):
                    yield path
