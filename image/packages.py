"""Debian packages: found, downloaded and unpacked with apt and dpkg, but without touching the host's own apt.

Model: a private apt directory per list of sources; `apt-cache show` resolves a written list of names to exact versions and
hashes, `apt-get download` fetches them, `dpkg-deb -x` unpacks them. No maintainer script runs and no root is needed.
Signatures: apt checks the suite's Release file with Debian's keyring, which covers every hash below it.
Trap: the versions that a name resolved to are kept until `--refresh`, so that two builds agree. Of the component
non-free-firmware only packages that hold firmware and nothing else are taken.
"""

from __future__ import annotations

import functools
import json
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from image.cache import Cache, digest, digest_file
from image.errors import ImageError
from image.run import run

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
SUITE = "trixie"
NEWER_SUITE = "forky"  # only what the written list or a board names as NAME/forky
SOURCE_SUITE = "bookworm"  # the last one with all of Kubernetes
COMPONENTS, SOURCE_COMPONENTS = "main non-free-firmware", "main"
FIRMWARE = re.compile(r"firmware-.*|.*-firmware|.*-microcode")  # names of packages that may come from outside of main
NETWORK_TIMEOUT = 900.0  # seconds for one apt call


@dataclass(frozen=True)
class Package:
    """One binary package, exactly."""

    name: str
    version: str
    architecture: str
    source: str
    sha256: str
    size: int  # bytes of the .deb
    depends: str
    section: str  # `COMPONENT/SECTION`, or only the section for what is in main


@dataclass(frozen=True)
class Mirror:
    """Where packages come from: the archive and its security updates."""

    archive: str
    security: str


@functools.cache
def find_mirror(option: str | None) -> Mirror:
    """The mirror of `--mirror URL` (its security suite is expected beside it, as `URL-security`), else the host's own."""
    if option:
        url = option.rstrip("/")
        return Mirror(url, f"{url}-security")
    found = parse_targets(run(["apt-get", "indextargets", "--format", "$(REPO_URI)|$(RELEASE)"]).decode())
    if found is None:
        raise ImageError("the host's apt knows no Debian mirror", "say one with --mirror URL")
    return found


def parse_targets(text: str) -> Mirror | None:
    """The mirror in lines `URI|SUITE` of `apt-get indextargets`, or None. The host may run any Debian release."""
    archive = security = None
    for line in text.splitlines():
        uri, _, suite = line.partition("|")
        uri = uri.rstrip("/")
        if suite.endswith("-security"):
            security = security or uri
        elif uri.endswith("/debian") or suite.endswith("-updates"):
            archive = archive or uri
    if archive is None:
        return None
    return Mirror(archive, security or f"{archive}-security")


def render_sources(mirror: Mirror) -> str:
    """apt's deb822 sources (sources.list(5)). The newer suite is in the making: its lists may be older than they say."""
    stanzas = (
        ("deb", mirror.archive, f"{SUITE} {SUITE}-updates", COMPONENTS, ""),
        ("deb", mirror.security, f"{SUITE}-security", COMPONENTS, ""),
        ("deb", mirror.archive, NEWER_SUITE, COMPONENTS, "Check-Valid-Until: no\n"),
        ("deb-src", mirror.archive, SOURCE_SUITE, SOURCE_COMPONENTS, ""),
    )
    return "\n".join(
        f"Types: {kind}\nURIs: {uri}\nSuites: {suites}\nComponents: {components}\n{extra}Signed-By: {KEYRING}\n"
        for kind, uri, suites, components, extra in stanzas
    )


def render_configuration(directory: Path, arch: str) -> str:
    """apt.conf(5) for a private apt below `directory`."""
    return f"""\
Dir "{directory}/";
Dir::Etc "etc";
Dir::State "state";
Dir::State::status "{directory}/state/status";
Dir::Cache "cache";
APT::Architecture "{arch}";
APT::Architectures {{ "{arch}"; }};
APT::Default-Release "/^{SUITE}(|-updates|-security)$/";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
"""


@dataclass(frozen=True)
class Apt:
    """A private apt for one architecture."""

    directory: Path
    cache: Cache

    @classmethod
    def make(cls, cache: Cache, arch: str, mirror: Mirror) -> Apt:
        """Lay the directory down and fetch the lists when they are not there, or when the cache says `resolve` anew."""
        if not KEYRING.exists():
            raise ImageError(f"{KEYRING} is missing", "install debian-archive-keyring")
        sources = render_sources(mirror)

        def fill(directory: Path) -> None:
            final = cache.root / "apt" / key
            for part in ("etc/apt.conf.d", "etc/preferences.d", "etc/sources.list.d", "etc/trusted.gpg.d"):
                (directory / part).mkdir(parents=True)
            for part in ("state/lists/partial", "cache/archives/partial"):
                (directory / part).mkdir(parents=True)
            (directory / "state/status").touch()
            (directory / "etc/sources.list.d/image.sources").write_text(sources)
            (directory / "apt.conf").write_text(render_configuration(directory, arch))
            run(["apt-get", "update", "-q"], env={"APT_CONFIG": str(directory / "apt.conf")}, timeout=NETWORK_TIMEOUT)
            (directory / "apt.conf").write_text(render_configuration(final, arch))

        key = digest("apt", arch, sources, render_configuration(Path("/"), arch))[:24]
        directory = cache.entry("apt", key, fill)
        return cls(directory, cache)

    @property
    def environment(self) -> dict[str, str]:
        """What makes apt read this configuration only."""
        return {"APT_CONFIG": str(self.directory / "apt.conf")}

    def resolve(self, names: Sequence[str], *, with_dependencies: bool = False) -> tuple[Package, ...]:
        """The packages of these names (`NAME` or `NAME/SUITE`), in order of name; the result is kept until a refresh.

        Without `with_dependencies` exactly those: the image's list is written out, nothing slips in. With it, also what
        they need to be installed (without recommendations), for programs that run on the build host.
        """

        def ask(directory: Path) -> None:
            words = self._close(names) if with_dependencies else list(names)
            text = run(["apt-cache", "show", "--no-all-versions", *words], env=self.environment).decode()
            found = {package.name: package for package in parse_packages(text)}
            missing = [name for name in names if name.partition("/")[0] not in found]
            if missing:
                raise ImageError(f"the mirror has no package {', '.join(missing)}", "try --refresh, or another --mirror")
            check_components(found.values())
            rows = [asdict(found[name]) for name in sorted(found)]
            (directory / "packages.json").write_text(json.dumps(rows))

        entry = self.cache.entry("resolve", digest(self.directory.name, sorted(names), with_dependencies)[:24], ask)
        return tuple(Package(**row) for row in json.loads((entry / "packages.json").read_text()))

    def _close(self, names: Sequence[str]) -> list[str]:
        argv = ["apt-get", "install", "-q", "-y", "--no-install-recommends", "--print-uris", *names]
        text = run(argv, env=self.environment).decode()
        files = re.findall(r"^'[^']*' (\S+)_(\S+)_\w+\.deb ", text, re.MULTILINE)
        return [f"{name}={version.replace('%3a', ':')}" for name, version in files]

    def fetch(self, packages: Iterable[Package]) -> dict[str, Path]:
        """Download what is not in the cache yet, check it, unpack it; the unpacked trees by package name."""
        wanted = tuple(packages)
        missing = [package for package in wanted if not (self.cache.root / "unpacked" / package.sha256).is_dir()]
        staging = self.cache.root / "staging" / digest(self.directory.name, [p.sha256 for p in missing])[:24]
        if missing:
            staging.mkdir(parents=True, exist_ok=True)
            words = [f"{package.name}={package.version}" for package in missing]
            run(["apt-get", "download", "-q", *words], cwd=staging, env=self.environment, timeout=NETWORK_TIMEOUT)
        try:
            return {package.name: self._unpack(package, staging) for package in wanted}
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def _unpack(self, package: Package, staging: Path) -> Path:
        def make(directory: Path) -> None:
            version = package.version.replace(":", "%3a")
            deb = staging / f"{package.name}_{version}_{package.architecture}.deb"
            if not deb.exists() or digest_file(deb) != package.sha256:
                raise ImageError(f"{deb.name}: not what the signed list says", "try --refresh")
            run(["dpkg-deb", "-x", deb, directory])

        return self.cache.entry("unpacked", package.sha256, make)

    def fetch_source(self, name: str) -> Path:
        """Download a source package (not unpacked); the directory that holds its `.dsc` and archives."""

        def make(directory: Path) -> None:
            run(
                ["apt-get", "source", "-q", "--download-only", f"{name}/{SOURCE_SUITE}"],
                cwd=directory,
                env=self.environment,
                timeout=NETWORK_TIMEOUT,
            )

        return self.cache.entry("source", digest("source", self.directory.name, name)[:24], make)


def check_components(packages: Iterable[Package]) -> None:
    """Nothing but firmware from outside of main; raises `ImageError` with what would slip in."""
    wrong = [f"{p.name} ({p.section})" for p in packages if "/" in p.section and not FIRMWARE.fullmatch(p.name)]
    if wrong:
        raise ImageError(f"not from the free part of the archive: {', '.join(sorted(wrong))}", "only firmware may be")


def parse_dependencies(text: str) -> list[tuple[str, str]]:
    """A Depends field (deb-control(5)) → names, each with the exact version that `=` asks for or ""; of alternatives
    the first."""
    found = []
    for item in text.split(","):
        match = re.match(r"\s*([a-z0-9][a-z0-9+.-]*)(?::\w+)?\s*(?:\(= ([^)\s]+)\))?", item)
        if match:
            found.append((match.group(1), match.group(2) or ""))
    return found


def parse_packages(text: str) -> list[Package]:
    """The stanzas that `apt-cache show` prints (deb822, deb-control(5)); of a package that is listed twice, the first."""
    found: dict[str, Package] = {}
    for stanza in text.split("\n\n"):
        fields = dict(re.findall(r"^([A-Za-z0-9-]+): (.*)$", stanza, re.MULTILINE))
        if "Package" not in fields:
            continue
        package = Package(
            name=fields["Package"],
            version=fields["Version"],
            architecture=fields["Architecture"],
            source=str(fields.get("Source", fields["Package"])).partition(" ")[0],
            sha256=fields["SHA256"],
            size=int(fields["Size"]),
            depends=fields.get("Depends", ""),
            section=fields.get("Section", ""),
        )
        found.setdefault(package.name, package)
    return list(found.values())
