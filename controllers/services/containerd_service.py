"""EPHEMERAL mounted, configuration written → ServiceSpec of containerd.

Trap: the shims of running containers live in containerd's cgroup and outlive it, so stopping it must end its process
only, and its configuration may not differ after a restart of the brain.
"""

from collections.abc import Iterable

from controllers.ports import Ports
from controllers.resources.block import VolumeStatus
from controllers.resources.machine import FileStatus
from controllers.resources.services import ServiceSpec
from controllers.runtime.controller import SHARED, STRONG, Controller, Input, Output, View, Wanted
from controllers.runtime.errors import Waiting
from controllers.services.containerd_config import CONFIG_PATH
from controllers.services.go_environment import make_go_environment
from controllers.services.written_files import get_written

MEMORY_LOW = 128 << 20
"""Bytes that the kernel reclaims last: containerd itself is 64 MB, a shim 20."""


class ContainerdServiceController(Controller):
    """Wants containerd as soon as it has a place for images."""

    name = "services.ContainerdServiceController"
    inputs = (Input(VolumeStatus, id="EPHEMERAL", kind=STRONG), Input(FileStatus))
    outputs = (Output(ServiceSpec, kind=SHARED),)

    def __init__(self, ports: Ports) -> None:
        self._stop_timeout = 10.0 * ports.patience
        self._go_environment = make_go_environment(ports)

    def reconcile(self, view: View) -> Iterable[Wanted]:
        """One service."""
        if not view.get(VolumeStatus, "EPHEMERAL").spec.mounted:
            raise Waiting("volume EPHEMERAL to be mounted")
        spec = ServiceSpec(
            argv=("/usr/bin/containerd", "--config", CONFIG_PATH),
            env={"PATH": "/usr/bin:/usr/sbin", **self._go_environment},
            cgroup="ophite/containerd",
            memory_low=MEMORY_LOW,
            oom_score_adj=-999,
            stop_timeout=self._stop_timeout,
            restart_on=(get_written(view, CONFIG_PATH),),
        )
        yield Wanted("containerd", spec)
