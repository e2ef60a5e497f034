"""EtcdSpec and its files → ServiceSpec of etcd.

Trap: the arguments must be the same before and after a restart of the brain, though EtcdSpec goes from `new` to
`existing` as soon as there is data. etcd reads the `initial-*` flags only while its directory is empty, so
`--initial-cluster-state=new` is right in both cases for a member that began its cluster.
"""

from collections.abc import Iterable

from controllers.config.documents import MachineConfig, MachineType
from controllers.etcd import ETCD_UID
from controllers.etcd.data import DATA_PATH
from controllers.etcd.files import CA_PATH, DIRECTORY
from controllers.etcd.spec import bracket, peer_url
from controllers.ports import Ports
from controllers.resources.kubernetes import EtcdSpec
from controllers.resources.machine import FileStatus
from controllers.resources.services import ServiceSpec
from controllers.runtime.controller import SHARED, STRONG, Controller, Input, Output, View, Wanted
from controllers.runtime.errors import Waiting
from controllers.services.go_environment import make_go_environment
from controllers.services.memory_profile import PLENTY, MemoryProfile, find_profile
from controllers.services.written_files import get_written

CLIENT_PORT, METRICS_PORT = 2379, 2381
QUOTA = 2 << 30
"""Bytes that the database may grow to; etcd's own default, said aloud."""

MEMORY_MIN, MEMORY_LOW = 64 << 20, 512 << 20
"""Bytes that are never, and last, reclaimed: an etcd that pages is an etcd that loses elections."""

MAX_TIMING_FACTOR = 5.0
"""Heartbeat 100 ms and election 1 s, times the patience up to this: 500 ms and 5 s were stable under emulation."""


class EtcdServiceController(Controller):
    """Wants etcd when there is an EtcdSpec and every file is written."""

    name = "etcd.EtcdServiceController"
    inputs = (
        Input(MachineConfig, id="default"),
        Input(EtcdSpec, id="etcd", kind=STRONG),
        Input(FileStatus),
    )
    outputs = (Output(ServiceSpec, kind=SHARED),)

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def reconcile(self, view: View) -> Iterable[Wanted]:
        """One service, none on a worker."""
        spec = view.find(EtcdSpec, "etcd")
        if spec is None:
            if view.get(MachineConfig, "default").spec.type is MachineType.CONTROL_PLANE:
                raise Waiting("EtcdSpec/etcd")
            return
        for role in ("server", "peer"):
            get_written(view, f"{DIRECTORY}/{role}.crt")
            get_written(view, f"{DIRECTORY}/{role}.key")
        service = ServiceSpec(
            argv=("/usr/bin/etcd", *render_etcd_flags(spec.spec, self._ports.patience, find_profile(self._ports.memory))),
            env=make_go_environment(self._ports),
            uid=ETCD_UID,
            gid=ETCD_UID,
            cgroup="ophite/etcd",
            memory_min=MEMORY_MIN,
            memory_low=MEMORY_LOW,
            cpu_weight=500,
            oom_score_adj=-998,
            capabilities=(),
            no_new_privs=True,
            stop_timeout=30.0 * self._ports.patience,
            workdir=DATA_PATH,
            restart_on=(get_written(view, CA_PATH),),
        )
        yield Wanted("etcd", service)


def render_etcd_flags(spec: EtcdSpec, patience: float, profile: MemoryProfile = PLENTY) -> tuple[str, ...]:
    """Return etcd's flags (etcd.io, "Configuration options"); `extra_args` win."""
    factor = min(max(patience, 1.0), MAX_TIMING_FACTOR)
    client = f"https://{bracket(spec.address)}:{CLIENT_PORT}"
    flags = {
        "name": spec.name,
        "data-dir": DATA_PATH,
        "listen-peer-urls": peer_url(spec.address),
        "listen-client-urls": f"https://127.0.0.1:{CLIENT_PORT},{client}",
        "listen-metrics-urls": f"http://127.0.0.1:{METRICS_PORT}",
        "initial-advertise-peer-urls": peer_url(spec.address),
        "advertise-client-urls": client,
        "initial-cluster": spec.initial_cluster,
        "initial-cluster-state": "new",
        "client-cert-auth": "true",
        "trusted-ca-file": CA_PATH,
        "cert-file": f"{DIRECTORY}/server.crt",
        "key-file": f"{DIRECTORY}/server.key",
        "peer-client-cert-auth": "true",
        "peer-trusted-ca-file": CA_PATH,
        "peer-cert-file": f"{DIRECTORY}/peer.crt",
        "peer-key-file": f"{DIRECTORY}/peer.key",
        "heartbeat-interval": f"{100 * factor:.0f}",
        "election-timeout": f"{1000 * factor:.0f}",
        "auto-compaction-mode": "periodic",
        "auto-compaction-retention": "1h",
        "quota-backend-bytes": str(QUOTA),
        "logger": "zap",
    }
    if profile.log:
        flags["snapshot-count"] = str(profile.log)
    flags.update(spec.extra_args)
    return tuple(f"--{name}={value}" for name, value in flags.items())
