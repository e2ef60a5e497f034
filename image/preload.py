"""The container images that lie in the root image, so that a node needs no registry to come up.

`pause` is the sandbox of every pod. `static` has no program at all: static pods run the control plane's binaries out of
the read-only root, mounted in, because importing the real images costs minutes where there is no KVM.
The compiler is the image's own Debian release's, for any architecture on any host: its three programs are run one by one,
because the driver that usually does would start the host's.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from image.arch import Arch
from image.cache import Cache, digest
from image.context import Context
from image.etcfiles import join_certificates, render_group, render_passwd
from image.formats.oci import Entry, Image, encode_image
from image.run import run
from image.tools import fetch_tools, loader_argv

PAUSE = "ophite.local/pause:1"
STATIC = "ophite.local/static:1"
OWN_ARCHIVES = ("pause.tar", "static.tar")
SOURCE = Path(__file__).with_name("pause.c")
COMPILER_FLAGS = (
    "-Os", "-ffreestanding", "-fno-pie", "-fno-stack-protector", "-fno-asynchronous-unwind-tables", "-fno-ident",
    "-Wall", "-Wextra", "-Werror",
)  # fmt: skip
LINKER_FLAGS = ("-static", "-s", "--build-id=none", "-z", "noseparate-code", "-z", "noexecstack")
GCC = "14"  # of the image's Debian release


def make_preloads(context: Context) -> tuple[Path, ...]:
    """The archives that go into the image: ours and the user's."""
    arch, certificates = context.arch, context.trees["ca-certificates"]
    compiler = fetch_compiler(arch, context.cache, context.options.mirror)

    def make(directory: Path) -> None:
        pause = Entry(build_pause(compiler, arch, directory), 0o755)
        images = {"pause": Image(PAUSE, arch.name, {"pause": pause}, ("/pause",)), "static": static_image(arch, certificates)}
        for name, image in images.items():
            (directory / f"{name}.tar").write_bytes(encode_image(image))

    here = Path(__file__).parent
    recipe = [SOURCE, here / "formats/oci.py", here / "etcfiles.py", here / "preload.py"]
    entry = context.cache.entry("preload", digest(recipe, compiler.name, arch.name, certificates.name)[:24], make)
    return (*(entry / name for name in OWN_ARCHIVES), *context.options.preload)


def fetch_compiler(arch: Arch, cache: Cache, mirror: str | None) -> Path:
    """A tree with compiler, assembler and linker for an architecture, which run on this host."""
    target = arch.triplet.replace("_", "-")
    return fetch_tools([f"cpp-{GCC}-{target}", f"binutils-{target}"], cache, mirror)


def build_pause(compiler: Path, arch: Arch, directory: Path) -> bytes:
    """Compile pause.c; `directory` is for what lies between."""
    cc1 = next(compiler.glob(f"usr/libexec/gcc*/{arch.triplet}/{GCC}/cc1")).relative_to(compiler).as_posix()
    with TemporaryDirectory(dir=directory) as scratch:
        text, code, program = (Path(scratch) / name for name in ("pause.s", "pause.o", "pause"))
        run([*loader_argv(compiler, cc1), "-quiet", *COMPILER_FLAGS, SOURCE, "-o", text])
        run([*loader_argv(compiler, f"usr/bin/{arch.triplet}-as"), "-o", code, text])
        run([*loader_argv(compiler, f"usr/bin/{arch.triplet}-ld"), *LINKER_FLAGS, "-o", program, code])
        return program.read_bytes()


def static_image(arch: Arch, certificates: Path) -> Image:
    """An image with users, certificates and a place for temporary files, and nothing to run."""
    entries = {
        "etc/passwd": Entry(render_passwd().encode(), 0o644),
        "etc/group": Entry(render_group().encode(), 0o644),
        "etc/ssl/certs/ca-certificates.crt": Entry(join_certificates(certificates).encode(), 0o644),
        "tmp": Entry(None, 0o1777),
    }
    return Image(STATIC, arch.name, entries)
