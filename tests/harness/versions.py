"""Versions of the system for tests of its life: one that installs, one that is good, and four that must be rolled back.

They are slim: instead of Kubernetes they have programs that sleep, so an emulated processor is spent on what is tested, and a
bundle is half as large. Such a node never is Ready; whatever asks for that is forced. A bad version differs from a good one
in lines that are put behind one module (the image build's `--overlay`).
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from image.arch import get_arch
from image.cache import Cache
from image.kubernetes import NODE_BINARIES
from image.preload import build_pause, fetch_compiler
from tests.harness.nodes import BUILD, PROJECT, run_logged

KUBERNETES_VERSION = "1.34.0"
BUILD_SECONDS = 1800.0
CODE = "usr/lib/ophite"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Version:
    """What a version is called, and what is put behind which of its modules."""

    number: str
    behind: dict[str, str] = field(default_factory=dict)
    outputs: tuple[str, ...] = ("bundle",)  # the formats that are made

    @property
    def directory(self) -> Path:
        """Where it is built."""
        return BUILD / "slim" / self.number

    @property
    def bundle(self) -> Path:
        """The file to upgrade to it."""
        return self.directory / "ophite.bundle"

    @property
    def iso(self) -> Path:
        """The medium to install it from."""
        return self.directory / "ophite.iso"


BASE = Version("1.0.0", outputs=("raw", "iso"))
GOOD = Version("1.1.0")
CRASH = Version("1.2.0", {"init/boot.py": "raise RuntimeError('this version is broken')\n"})
HANG = Version("1.3.0", {"init/boot.py": "import time\ntime.sleep(1 << 30)\n"})
NO_NETWORK = Version(
    "1.4.0",
    {
        "controllers/network/address_apply.py": """
async def _do_nothing(self: AddressApplyController, view: View) -> None:
    return None

AddressApplyController.reconcile = _do_nothing
"""
    },
)
NO_ETCD = Version(
    "1.5.0",
    {
        "controllers/etcd/service.py": """
_render = render_etcd_flags

def render_etcd_flags(spec: EtcdSpec, patience: float) -> tuple[str, ...]:
    return (*_render(spec, patience), "--no-such-flag=1")
"""
    },
)
BAD = (CRASH, HANG, NO_NETWORK, NO_ETCD)


def make_stubs(directory: Path, arch_name: str = "amd64") -> Path:
    """A directory of Kubernetes programs that only sleep."""
    directory.mkdir(parents=True, exist_ok=True)
    arch = get_arch(arch_name)
    with TemporaryDirectory() as scratch:
        program = build_pause(fetch_compiler(arch, Cache.default(), None), arch, Path(scratch))
    for name in NODE_BINARIES:
        (directory / name).write_bytes(program)
        (directory / name).chmod(0o755)
    (directory / "version").write_text(KUBERNETES_VERSION + "\n")
    return directory


def make_overlay(version: Version, directory: Path) -> Path:
    """The files that this version has instead of the checkout's."""
    shutil.rmtree(directory, ignore_errors=True)
    for name, text in version.behind.items():
        path = directory / CODE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text((PROJECT / name).read_text() + "\n" + text)
    return directory


def build_version(version: Version, say: Say) -> Version:
    """Build it, or find it built: the image build's cache goes by content."""
    say(f"building the slim image {version.number}")
    stubs = make_stubs(BUILD / "slim/kubernetes")
    argv = [sys.executable, "-m", "image.build", "--output", str(version.directory), "--kubernetes", str(stubs)]
    argv += ["--image-version", version.number]
    if version.behind:
        argv += ["--overlay", str(make_overlay(version, BUILD / "slim/overlays" / version.number))]
    for name in version.outputs:
        argv += ["--format", name]
    run_logged(argv, BUILD / f"slim-{version.number}.log", BUILD_SECONDS)
    return version
