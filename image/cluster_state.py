"""What is known about local clusters: one directory each, private to its user, because it holds keys.

`$OPHITE_CLUSTERS`, else `$XDG_STATE_HOME/ophite/clusters`, else `~/.local/state/ophite/clusters`. A cluster is there from the
moment that its `cluster.json` is, which is written before anything is started, so that `destroy` finds what a crash left.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from image.errors import ImageError

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")


@dataclass(frozen=True)
class Cluster:
    """One local cluster. `api` and `kubernetes` are `HOST:PORT` as this host reaches them; sizes in MiB.

    `medium`: an ISO image, whose nodes begin with an empty disk. `disks`: more disks, as `parse_disk` reads them.
    `hardware`: which of QEMU's machines, empty is the usual one of `arch`.
    """

    name: str
    provisioner: str
    image: str
    boot: str
    memory: int
    cpus: int
    disk: int
    node_address: str
    api: str
    kubernetes: str
    command_line: str = ""
    subnet: str = ""
    medium: str = ""
    medium_bus: str = "cdrom"
    disks: tuple[str, ...] = ()
    watchdog: bool = False
    arch: str = "amd64"
    hardware: str = ""

    @property
    def directory(self) -> Path:
        """Where all of it is."""
        return find_clusters_root() / self.name

    @property
    def node_directory(self) -> Path:
        """The node's own files."""
        return self.directory / "node-1"

    @property
    def kubeconfig(self) -> Path:
        """For kubectl."""
        return self.directory / "kubeconfig"

    @property
    def ophiteconfig(self) -> Path:
        """For ophite."""
        return self.directory / "ophiteconfig"

    def save(self) -> None:
        """Write it down, for its user only."""
        self.directory.mkdir(parents=True, mode=0o700, exist_ok=True)
        (self.directory / "cluster.json").write_text(json.dumps(asdict(self), indent=2) + "\n")

    def remove(self) -> None:
        """Forget it, with all its files."""
        shutil.rmtree(self.directory)


def find_clusters_root() -> Path:
    """The directory of all local clusters."""
    if own := os.environ.get("OPHITE_CLUSTERS"):
        return Path(own).resolve()
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
    return Path(base) / "ophite/clusters"


def check_name(name: str) -> str:
    """The name again; raises `ImageError` for one that cannot be a host name and a directory."""
    if not NAME.fullmatch(name):
        raise ImageError(f"cluster name {name!r} is not valid", "lower-case letters, digits and '-', at most 32 characters")
    return name


def find_clusters() -> list[str]:
    """The names of the clusters that are there."""
    root = find_clusters_root()
    return sorted(path.parent.name for path in root.glob("*/cluster.json"))


def find_cluster(name: str) -> Cluster | None:
    """That cluster, or None. What another version wrote about it and this one does not know is left out."""
    path = find_clusters_root() / check_name(name) / "cluster.json"
    if not path.exists():
        return None
    known = {field.name for field in fields(Cluster)}
    found = {name: value for name, value in json.loads(path.read_text()).items() if name in known}
    return Cluster(**{**found, "disks": tuple(found.get("disks", ()))})


def get_cluster(name: str) -> Cluster:
    """That cluster; raises `ImageError` with the names of those that are there."""
    found = find_cluster(name)
    if found is None:
        raise ImageError(f"there is no cluster {name!r}", f"there are: {', '.join(find_clusters()) or 'none'}")
    return found
