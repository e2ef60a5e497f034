"""What is handed into every controller: the clock, the node's paths, the kernel command line, and the patience factor.

Domains build their own ports (netlink, mounts, processes) from these inside their packages, so this stays small.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from controllers.runtime.clock import Clock, SystemClock


@dataclass(frozen=True, slots=True)
class Paths:
    """Every path of the node that a controller touches, below `root` (`/` on a node, a directory in tests)."""

    root: Path = Path("/")

    def __truediv__(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    @property
    def run(self) -> Path:
        """`/run/ophite`: sockets, rendered files, secrets; gone after a reboot."""
        return self / "run/ophite"

    @property
    def control_socket(self) -> Path:
        """PID 1's socket."""
        return self.run / "control.sock"

    @property
    def brain_socket(self) -> Path:
        """The brain's socket."""
        return self.run / "brain.sock"

    @property
    def etc(self) -> Path:
        """Rendered `hostname`, `hosts`, `resolv.conf`, `machine-id`."""
        return self.run / "etc"

    @property
    def pki(self) -> Path:
        """Rendered certificates and keys."""
        return self.run / "pki"

    @property
    def kubernetes(self) -> Path:
        """Rendered kubeconfigs, manifests and the kubelet's configuration."""
        return self.run / "kubernetes"

    @property
    def containerd(self) -> Path:
        """Rendered configuration of containerd, and its socket."""
        return self.run / "containerd"

    @property
    def cni(self) -> Path:
        """Rendered pod network configuration."""
        return self.run / "cni"

    @property
    def state(self) -> Path:
        """STATE: machine configuration and node identity."""
        return self / "state"

    @property
    def state_config(self) -> Path:
        """The machine configuration, kept."""
        return self.state / "config.yaml"

    @property
    def state_identity(self) -> Path:
        """The node's identity, kept."""
        return self.state / "identity.json"

    @property
    def var(self) -> Path:
        """EPHEMERAL: containers, etcd, kubelet, logs."""
        return self / "var"

    @property
    def modules(self) -> Path:
        """The table of kernel modules."""
        return self / "usr/lib/ophite/modules.json"

    @property
    def release(self) -> Path:
        """What this image is."""
        return self / "usr/share/ophite/release.json"

    @property
    def image_config(self) -> Path:
        """The optional configuration in the image."""
        return self / "usr/share/ophite/config.yaml"

    @property
    def images(self) -> Path:
        """OCI archives that containerd imports at start."""
        return self / "usr/share/ophite/images"

    @property
    def bin(self) -> Path:
        """Programs."""
        return self / "usr/bin"

    @property
    def sys(self) -> Path:
        """sysfs."""
        return self / "sys"

    @property
    def proc(self) -> Path:
        """procfs."""
        return self / "proc"

    @property
    def dev(self) -> Path:
        """Devices."""
        return self / "dev"


@dataclass(frozen=True, slots=True)
class Ports:
    """What `controllers(ports)` of every domain gets."""

    clock: Clock = field(default_factory=SystemClock)
    paths: Paths = field(default_factory=Paths)
    cmdline: Mapping[str, str] = field(default_factory=dict)
    """The kernel command line: key to value, flags to "", of a repeated key the last."""
    patience: float = 1.0
    """Every time-out is multiplied by this; `ophite.patience`."""
    memory: int = 0
    """Bytes of memory that the machine has; 0: not known, and plenty."""
