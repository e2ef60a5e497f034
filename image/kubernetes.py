"""Kubernetes binaries: built from the distribution's source package, or taken from a release mirror or a directory.

Debian packages no kubelet; the newest complete source it ships (vendored) is older than its packages. It is built in
GOPATH mode without cgo, so that the programs are static. A build takes about 15 minutes on two cores and is cached under
a key of source, compiler, architecture and flags. Trap: the API server needs generated files, made by the source's own
makefile, which must run for the build host's architecture.

`python -m image.kubernetes [ARCH]` prints the directory of the binaries built from source (kubectl among them).
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from image.arch import ARCHES, Arch, get_arch, get_host_arch
from image.cache import Cache, digest, digest_file
from image.context import Kubernetes, Options
from image.errors import ImageError
from image.packages import Apt, find_mirror
from image.run import run

NODE_BINARIES = ("kubelet", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")
PLAIN = ("kubelet", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubectl")  # need no generated files
GENERATED = ("kube-apiserver",)
SOURCE_PACKAGE = "kubernetes"
VERSION_PACKAGES = tuple(f"k8s.io/kubernetes/vendor/k8s.io/{name}/version" for name in ("component-base", "client-go/pkg"))
BUILD_TIMEOUT = 4 * 3600.0  # seconds for one go build; hours on a host that is busy with other things
DOWNLOAD_TIMEOUT = 120.0  # seconds without a byte
DOWNLOAD_LIMIT = 1 << 30  # bytes of one binary


def get_kubernetes(options: Options, arch: Arch, cache: Cache) -> Kubernetes:
    """The binaries that `--kubernetes` names. Raises `ImageError` when they cannot be had."""
    wanted = options.kubernetes
    if wanted == "source":
        return build_from_source(Apt.make(cache, get_host_arch().name, find_mirror(options.mirror)), arch, cache)
    if Path(wanted).is_dir():
        return take_directory(Path(wanted), arch)
    if not re.fullmatch(r"v?\d+\.\d+\.\d+(-[\w.]+)?", wanted):
        raise ImageError(f"--kubernetes {wanted!r}: neither a directory nor a version", "'source', '1.31.2' or a directory")
    return download_release(options, wanted.removeprefix("v"), arch, cache)


def build_from_source(apt: Apt, arch: Arch, cache: Cache) -> Kubernetes:
    """Build all binaries from the source package, or find them built in the cache."""
    package = apt.fetch_source(SOURCE_PACKAGE)
    description = next(package.glob("*.dsc"))
    version = parse_source_version(description.name)
    flags = linker_flags(version)
    compiler = run(["go", "version"]).decode().strip()

    def make(directory: Path) -> None:
        work = directory / "work"
        source = work / "src/k8s.io/kubernetes"
        source.parent.mkdir(parents=True)
        run(["dpkg-source", "-q", "--no-check", "-x", description, source])  # apt has checked it
        environment = go_environment(work, cache)
        binaries = directory / "bin"
        binaries.mkdir()
        go_build(source, binaries, PLAIN, flags, {**environment, "GOARCH": arch.name})
        run(["make", "generated_files"], cwd=source, env=environment, timeout=BUILD_TIMEOUT)
        go_build(source, binaries, GENERATED, flags, {**environment, "GOARCH": arch.name})
        for path in binaries.iterdir():
            path.rename(directory / path.name)
        binaries.rmdir()
        shutil.rmtree(work)

    key = digest("source", digest_file(description), compiler, arch.name, PLAIN, GENERATED, flags)[:24]
    return Kubernetes(version, cache.entry("kubernetes", key, make), package)


def parse_source_version(name: str) -> str:
    """`kubernetes_1.20.5+really1.20.2-1.1.dsc` → `1.20.2`: Debian's upstream version, after a `+really` if there is one."""
    match = re.fullmatch(r"[^_]+_(?:\d+:)?(?:[^-]*\+really)?(\d+\.\d+\.\d+)[^-]*(-.*)?\.dsc", name)
    if match is None:
        raise ImageError(f"{name}: cannot read the version of this source package", "try --refresh")
    return match.group(1)


def linker_flags(version: str) -> str:
    """What `go build -ldflags` gets: no debug information, no build id, and the version that the programs report."""
    major, minor, _ = version.split(".", 2)
    fields = {
        "gitVersion": f"v{version}",
        "gitMajor": major,
        "gitMinor": minor,
        "gitTreeState": "archive",
        "buildDate": "1970-01-01T00:00:00Z",
    }
    words = ["-s", "-w", "-buildid="]
    for package in VERSION_PACKAGES:
        words += [f"-X {package}.{key}={value}" for key, value in fields.items()]
    return " ".join(words)


def go_environment(work: Path, cache: Cache) -> dict[str, str]:
    """GOPATH mode, static binaries, and nothing of the user's own Go settings."""
    return {
        "GOPATH": str(work),
        "GOCACHE": str(cache.root / "go-build"),
        "GO111MODULE": "off",
        "CGO_ENABLED": "0",
        "GOOS": "linux",
        "GOFLAGS": "",
        "GOENV": "off",
        "HOME": str(work),
    }


def go_build(source: Path, target: Path, names: tuple[str, ...], flags: str, environment: Mapping[str, str]) -> None:
    """Build `./cmd/NAME` for every name into `target`, at low priority."""
    argv = ["nice", "go", "build", "-trimpath", "-ldflags", flags, "-o", f"{target}/", *(f"./cmd/{name}" for name in names)]
    run(argv, cwd=source, env=environment, timeout=BUILD_TIMEOUT)


def take_directory(directory: Path, arch: Arch) -> Kubernetes:
    """Binaries that the user has; a file `version` beside them says which, else `kubelet --version` does."""
    missing = [name for name in NODE_BINARIES if not (directory / name).is_file()]
    if missing:
        raise ImageError(f"{directory}: {', '.join(missing)} not found", "the directory must hold all node binaries")
    stated = directory / "version"
    if stated.is_file():
        text = stated.read_text()
    elif arch == get_host_arch():
        text = run([directory / "kubelet", "--version"], timeout=60).decode()
    else:
        raise ImageError(f"{directory}: the version is unknown", "write it into a file named 'version' there")
    match = re.search(r"\d+\.\d+\.\d+", text)
    if match is None:
        raise ImageError(f"{directory}: {text.strip()[:80]!r} is no version", "write it into a file named 'version' there")
    return Kubernetes(match.group(), directory.resolve())


def download_release(options: Options, version: str, arch: Arch, cache: Cache) -> Kubernetes:
    """Binaries of a release mirror: URL template and SHA-256 sums come from the user."""
    template = options.kubernetes_url or os.environ.get("OPHITE_KUBERNETES_URL", "")
    if not template or options.kubernetes_sums is None:
        raise ImageError(
            f"--kubernetes {version} needs a release mirror",
            "--kubernetes-url 'https://MIRROR/v{version}/bin/linux/{arch}/{name}' --kubernetes-sums FILE",
        )
    sums = parse_sums(options.kubernetes_sums.read_text())
    missing = [name for name in NODE_BINARIES if name not in sums]
    if missing:
        raise ImageError(f"{options.kubernetes_sums}: no SHA-256 for {', '.join(missing)}", "one line 'SUM  NAME' for each")

    def make(directory: Path) -> None:
        for name in NODE_BINARIES:
            url = template.format(version=version, arch=arch.name, name=name)
            download(url, directory / name, sums[name])
            (directory / name).chmod(0o755)

    key = digest("release", version, arch.name, {name: sums[name] for name in NODE_BINARIES})[:24]
    return Kubernetes(version, cache.entry("kubernetes", key, make))


def parse_sums(text: str) -> dict[str, str]:
    """Lines `SHA256  NAME` as sha256sum(1) writes them → name → sum; a path counts by its last part."""
    found = re.findall(r"^([0-9a-fA-F]{64})\s+\*?(\S+)$", text, re.MULTILINE)
    return {Path(name).name: value.lower() for value, name in found}


def download(url: str, target: Path, sha256: str) -> None:
    """Fetch one file by http or https into `target`; raises `ImageError` unless its SHA-256 is the wanted one."""
    if not url.startswith(("http://", "https://")):
        raise ImageError(f"{url}: not an http or https address", "correct --kubernetes-url")
    total = hashlib.sha256()
    try:
        with urllib.request.urlopen(url, timeout=DOWNLOAD_TIMEOUT) as answer, target.open("wb") as file:  # noqa: S310 - scheme checked above
            copy_hashed(answer.read, file.write, total.update)
    except (urllib.error.URLError, OSError) as error:
        raise ImageError(f"{url}: {error}", "check the mirror and the version") from error
    if total.hexdigest() != sha256:
        raise ImageError(f"{url}: SHA-256 {total.hexdigest()}, expected {sha256}", "the mirror or the sums are wrong")


def copy_hashed(read: Callable[[int], bytes], write: Callable[[bytes], int], update: Callable[[bytes], None]) -> None:
    """Copy in pieces of 1 MiB, up to the limit."""
    size = 0
    while piece := read(1 << 20):
        size += len(piece)
        if size > DOWNLOAD_LIMIT:
            raise ImageError(f"more than {DOWNLOAD_LIMIT} bytes", "this is no Kubernetes binary")
        write(piece)
        update(piece)


def find_binaries(cache: Cache | None = None, mirror: str | None = None, arch: str = "") -> Kubernetes:
    """The binaries built from source for `arch` (this host's), kubectl among them; built when they are not in the cache."""
    place = cache or Cache.default()
    host = get_host_arch()
    return build_from_source(Apt.make(place, host.name, find_mirror(mirror)), get_arch(arch or host.name), place)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; its exit status."""
    parser = argparse.ArgumentParser(prog="python -m image.kubernetes", description="Build Kubernetes; print where it is.")
    parser.add_argument("arch", nargs="?", default="", choices=("", *ARCHES), metavar="ARCH", help=", ".join(ARCHES))
    options = parser.parse_args(argv)
    try:
        sys.stdout.write(f"{find_binaries(arch=options.arch).directory}\n")
    except ImageError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
