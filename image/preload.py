"""The container images that lie in the root image, so that a node needs no registry to come up.

`pause` is the sandbox of every pod. `static` has no program at all: static pods run the control plane's binaries out of
the read-only root, mounted in, because importing the real images costs minutes where there is no KVM.
"""

from __future__ import annotations

from pathlib import Path

from image.arch import Arch, get_host_arch
from image.cache import Cache, digest
from image.etcfiles import join_certificates, render_group, render_passwd
from image.formats.oci import Entry, Image, encode_image
from image.run import get_program, run

PAUSE = "ophite.local/pause:1"
STATIC = "ophite.local/static:1"
OWN_ARCHIVES = ("pause.tar", "static.tar")
SOURCE = Path(__file__).with_name("pause.c")
COMPILER_FLAGS = (
    "-Os", "-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector", "-fno-asynchronous-unwind-tables", "-s",
    "-Wall", "-Wextra", "-Werror", "-Wl,--build-id=none", "-Wl,-z,noseparate-code", "-Wl,-z,noexecstack",
)  # fmt: skip


def make_preloads(cache: Cache, arch: Arch, certificates: Path, extra: tuple[Path, ...]) -> tuple[Path, ...]:
    """The archives that go into the image: ours and the user's. `certificates` is the package ca-certificates."""

    def make(directory: Path) -> None:
        pause = Entry(build_pause(arch, directory), 0o755)
        (directory / "pause").unlink()
        images = {"pause": Image(PAUSE, arch.name, {"pause": pause}, ("/pause",)), "static": static_image(arch, certificates)}
        for name, image in images.items():
            (directory / f"{name}.tar").write_bytes(encode_image(image))

    here = Path(__file__).parent
    compiler = run([compiler_name(arch), "--version"]).decode().splitlines()[0]
    recipe = [SOURCE, here / "formats/oci.py", here / "etcfiles.py", here / "preload.py"]
    entry = cache.entry("preload", digest(recipe, compiler, arch.name, certificates.name)[:24], make)
    return (*(entry / name for name in OWN_ARCHIVES), *extra)


def compiler_name(arch: Arch) -> str:
    """gcc, or the cross compiler for another architecture."""
    return get_program("gcc" if arch == get_host_arch() else f"{arch.triplet}-gcc")


def build_pause(arch: Arch, directory: Path) -> bytes:
    """Compile pause.c."""
    run([compiler_name(arch), *COMPILER_FLAGS, "-o", directory / "pause", SOURCE])
    return (directory / "pause").read_bytes()


def static_image(arch: Arch, certificates: Path) -> Image:
    """An image with users, certificates and a place for temporary files, and nothing to run."""
    entries = {
        "etc/passwd": Entry(render_passwd().encode(), 0o644),
        "etc/group": Entry(render_group().encode(), 0o644),
        "etc/ssl/certs/ca-certificates.crt": Entry(join_certificates(certificates).encode(), 0o644),
        "tmp": Entry(None, 0o1777),
    }
    return Image(STATIC, arch.name, entries)
