"""The initramfs: interpreter, PID 1's package, the part of the standard library that stage 1 uses, and kernel modules.

What it holds is a contract with `init/initramfs.py`, written down in docs/architecture.md. Trap: after the switch to the
root image the same interpreter goes on, so interpreter, libraries and byte code here are the very files of the root.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterable
from pathlib import Path

from image.arch import get_host_arch
from image.cache import digest, digest_file
from image.context import Context
from image.errors import ImageError
from image.firmware import firmware_members
from image.formats import cpio
from image.formats.elf import is_elf, parse_elf
from image.kmod import ModuleInfo
from image.microcode import make_microcode
from image.python import CODE_DIRECTORY, INTERPRETER, STDLIB_DIRECTORY
from image.rootlist import EXTENSIONS_DROPPED
from image.run import get_program, run
from image.sets import select_packages
from image.tools import loader_argv

INIT = f"""\
#!/{INTERPRETER} -IS
import sys
sys.path.insert(0, "/{CODE_DIRECTORY}")
from init.__main__ import main
main()
"""
MODULES = "usr/lib/modules"
STAGE1_LIST = "etc/ophite-stage1.json"
# What stage 1 may import (docs/architecture.md); what these import in turn is found by importing them.
STAGE1_STDLIB = (
    "encodings.aliases", "encodings.utf_8", "encodings.ascii", "encodings.latin_1", "encodings.utf_16_le", "abc",
    "codecs", "collections", "collections.abc", "contextlib", "copyreg", "ctypes", "enum", "functools", "genericpath",
    "io", "json", "keyword", "operator", "os", "posixpath", "re", "reprlib", "stat", "struct", "types", "typing",
    "weakref", "_collections_abc", "_weakrefset", "fcntl", "math", "select",
)  # fmt: skip
STAGE1_ENTRIES = ("init.initramfs", "init.__main__")  # imported too: finds what the list above forgot
NODES = (("dev/console", 5, 1, 0o600), ("dev/null", 1, 3, 0o666), ("dev/urandom", 1, 9, 0o666))
COMPRESSION = ("-12", "-T1", "--quiet", "--stdout")
TRACE = """\
import importlib, os, sys
top = os.path.dirname(os.__file__)
sys.path.insert(0, sys.argv[1])
for name in sys.argv[2:]:
    importlib.import_module(name)
for module in list(sys.modules.values()):
    path = getattr(module, "__file__", None)
    if path and path.startswith(top + os.sep):
        print(os.path.relpath(path, top))
"""


def make_initramfs(context: Context) -> Path:
    """`initramfs.zst` in the cache."""

    def make(directory: Path) -> None:
        members = [*python_members(context), *module_members(context)]
        members += [cpio.character_device(name, major, minor, mode) for name, major, minor, mode in NODES]
        members += [cpio.directory(name) for name in ("proc", "sys", "run", "tmp", "sysroot")]
        members.append(cpio.regular("init", INIT.encode(), 0o755))
        members += firmware_members(context.stage1_firmware)
        microcode = make_microcode(context.sets, context.trees, context.arch.name)
        (directory / "initramfs.zst").write_bytes(microcode + compress(cpio.encode_archive(members)))

    here = Path(__file__).parent
    key = digest(
        [here / "initramfs.py", here / "formats/cpio.py"], COMPRESSION, context.tools.name,
        context.root / CODE_DIRECTORY / "init", context.stdlib.name,
        context.kernel_version, context.kernel.name,
        [module.path for module in context.stage1_modules],
        [context.trees[name].name for name in ("libc6", "python3.13-minimal")],
        [(file.name, file.link, file.source and digest_file(file.source)) for file in context.stage1_firmware],
        [here / "microcode.py"], name_microcode(context),
    )  # fmt: skip
    return context.cache.entry("initramfs", key[:24], make) / "initramfs.zst"


def name_microcode(context: Context) -> list[str]:
    """What the microcode is, as part of a key."""
    names = (name for item in context.sets for name in select_packages(item.microcode, context.arch.name))
    return [context.trees[name].name for name in names]


def python_members(context: Context) -> list[cpio.Member]:
    """The interpreter with its libraries, the standard library's part, and PID 1's package: files of the root."""
    names = [INTERPRETER, *(f"{STDLIB_DIRECTORY}/{name}" for name in trace_stdlib(context))]
    names += [
        path.relative_to(context.root).as_posix() for path in sorted((context.root / CODE_DIRECTORY / "init").rglob("*.pyc"))
    ]
    names += find_libraries(context.root, names, context.arch.triplet)
    members = {name: file_member(context.root, name) for name in names}
    loader = Path(context.arch.loader).name
    interpreter = parse_elf((context.root / INTERPRETER).read_bytes()).section(".interp").rstrip(b"\0").decode().lstrip("/")
    members[context.arch.loader] = file_member(context.root, context.arch.loader)
    links = [cpio.link("lib", "usr/lib"), cpio.link("bin", "usr/bin")]
    if interpreter.startswith("lib64/"):
        links.append(cpio.link("lib64", "usr/lib64"))
        links.append(cpio.link(f"usr/lib64/{loader}", f"../lib/{context.arch.triplet}/{loader}"))
    elif interpreter.startswith("lib/"):
        links.append(cpio.link(f"usr/{interpreter}", f"{context.arch.triplet}/{loader}"))
    return [*members.values(), *links]


def file_member(root: Path, name: str) -> cpio.Member:
    """A file of the root under its own name; a link to a library becomes the library."""
    path = root / name
    executable = path.stat().st_mode & 0o111
    return cpio.regular(name, path.read_bytes(), 0o755 if executable else 0o644)


def trace_stdlib(context: Context) -> list[str]:
    """Files of the standard library that stage 1 imports, relative to it; found by importing them all."""
    present = [name for name in STAGE1_ENTRIES if (context.code / f"{name.replace('.', '/')}.pyc").is_file()]
    argv: list[str | Path] = [
        *loader_argv(context.tools, INTERPRETER),
        "-I",
        "-S",
        "-B",
        "-c",
        TRACE,
        context.code,
        *STAGE1_STDLIB,
        *present,
    ]
    lines = run(argv).decode().replace(get_host_arch().triplet, context.arch.triplet).split()
    names = {name.removesuffix(".py") + ".pyc" if name.endswith(".py") else name for name in lines} | {"os.pyc"}
    missing = sorted(name for name in names if not (context.stdlib / name).is_file() and not is_dropped(name))
    if missing:
        raise ImageError(f"stage 1 imports {', '.join(missing)}, which the root does not have", "correct image/rootlist.py")
    return sorted(name for name in names if not is_dropped(name))


def is_dropped(name: str) -> bool:
    """Whether a file of the standard library is left out of every image (some modules import such ones if they can)."""
    return any(fnmatch.fnmatch(Path(name).name, pattern) for pattern in EXTENSIONS_DROPPED)


def find_libraries(root: Path, names: Iterable[str], triplet: str) -> list[str]:
    """The shared libraries that these files of the root need, and those that they need in turn."""
    found: dict[str, None] = {}
    waiting = [root / name for name in names]
    while waiting:
        path = waiting.pop()
        data = path.read_bytes()
        if not is_elf(data):
            continue
        for needed in parse_elf(data).find_needed():
            name = f"usr/lib/{triplet}/{needed}"
            if name not in found and (root / name).exists():
                found[name] = None
                waiting.append(root / name)
    return list(found)


def module_members(context: Context) -> list[cpio.Member]:
    """The modules that stage 1 loads, and the list that tells their order."""
    return [*read_members(context, context.stage1_modules), list_member(context.stage1_modules)]


def read_members(context: Context, modules: Iterable[ModuleInfo]) -> list[cpio.Member]:
    """The files of modules, as the package has them."""
    top = context.kernel / "usr/lib/modules" / context.kernel_version
    return [cpio.regular(place_module(module), (top / module.path).read_bytes()) for module in modules]


def list_member(modules: Iterable[ModuleInfo]) -> cpio.Member:
    """The file that tells stage 1 which modules to load, in which order."""
    return cpio.regular(STAGE1_LIST, json.dumps({"stage1": [f"/{place_module(module)}" for module in modules]}).encode())


def place_module(module: ModuleInfo) -> str:
    """Where a module lies in the initramfs."""
    return f"{MODULES}/{Path(module.path).name}"


def compress(archive: bytes) -> bytes:
    """An archive as the kernel takes it. Nothing may follow it in its file: zstd(1) would not read it back."""
    return run([get_program("zstd"), *COMPRESSION], stdin=archive)
