"""What the upgrade sees of the machine in one look."""

from __future__ import annotations

from typing import NamedTuple

from controllers.config.documents import InstallConfig
from controllers.kubernetes.api_client import get_client
from controllers.kubernetes.versions import parse_features
from controllers.lifecycle.decide import Facts
from controllers.lifecycle.drain import DrainApi
from controllers.lifecycle.record import RECORD_KEY, REFUSED_KEY, parse_record, parse_refused
from controllers.lifecycle.running import find_root_hash
from controllers.lifecycle.upgrade_steps import Node
from controllers.lifecycle.verify import TRIAL
from controllers.resources.kubernetes import EtcdData, EtcdStatus, Nodename, NodeStatus
from controllers.resources.lifecycle import UPGRADE, SlotStatus, TrialStatus, UpgradeRequest
from controllers.resources.machine import MachineStatus, PlatformInfo, PowerRequest, VersionInfo
from controllers.resources.meta import MetaStatus, MetaValue
from controllers.resources.pki import Certificate, CertificateRoot
from controllers.runtime.controller import Input, View
from controllers.runtime.errors import Waiting
from controllers.runtime.resource import S

_ETCD = (
    Input(EtcdStatus, id="etcd"),
    Input(EtcdData, id="data"),
    Input(CertificateRoot, id="etcd"),
    Input(Certificate, id="etcd-client"),
)
INPUTS = (
    *_ETCD,
    Input(UpgradeRequest, id=UPGRADE),
    Input(MetaStatus, id="meta"),
    Input(MetaValue, id=RECORD_KEY),
    Input(MetaValue, id=REFUSED_KEY),
    Input(SlotStatus),
    Input(TrialStatus, id=TRIAL),
    Input(MachineStatus, id="machine"),
    Input(PlatformInfo, id="platform"),
    Input(VersionInfo, id="version"),
    Input(PowerRequest, id="power"),
    Input(Nodename, id="nodename"),
    Input(NodeStatus),
    Input(InstallConfig, id="default"),
    Input(Certificate, id="admin"),
    Input(CertificateRoot, id="kubernetes"),
)


class Scene(NamedTuple):
    """One look. `meta`: the keys of META that concern us; `power_asked`: somebody else has asked for the end of this boot."""

    facts: Facts
    node: Node
    meta: dict[str, str]
    meta_error: str
    power_asked: bool


def gather(view: View, patience: float, owner: str) -> Scene:
    """Return what the resources say. In: `owner`, the controller that looks. Raises `Waiting` until META was read."""
    status = view.get(MetaStatus, "meta").spec
    platform, version = view.get(PlatformInfo, "platform").spec, view.get(VersionInfo, "version").spec
    meta = {one.id: one.spec.value for one in view.list(MetaValue)}
    power, running_hash = view.find(PowerRequest, "power"), find_root_hash(platform.command_line)
    facts = Facts(
        record=parse_record(meta.get(RECORD_KEY, "")),
        request=_find(view, UpgradeRequest, UPGRADE),
        running_hash=running_hash,
        boot_id=platform.boot_id,
        slots={one.id: one.spec for one in view.list(SlotStatus)},
        trial=_find(view, TrialStatus, TRIAL),
    )
    nodename = _find(view, Nodename, "nodename")
    name = nodename.nodename if nodename else ""
    node = Node(
        version=version,
        status=_find(view, MachineStatus, "machine"),
        running_hash=running_hash,
        boot_id=platform.boot_id,
        refused=parse_refused(meta.get(REFUSED_KEY, "")),
        name=name,
        api=find_api(view, name, patience),
        words=install.extra_kernel_args if (install := _find(view, InstallConfig, "default")) else (),
        etcd=tuple(found for one in _ETCD if (found := view.find(one.type, one.id or "")) is not None),
    )
    return Scene(facts, node, meta, status.error, power is not None and power.metadata.owner != owner)


def find_api(view: View, nodename: str, patience: float) -> DrainApi | None:
    """Return a client of the Kubernetes API, None when this boot never had a word of the node from it."""
    known = view.find(NodeStatus, nodename) if nodename else None
    if known is None or not (known.spec.ready or known.spec.pod_cidrs):
        return None
    try:
        eviction = parse_features(view.get(VersionInfo, "version").spec.kubernetes).eviction_version
        return get_client(view, patience, eviction)
    except (Waiting, ValueError):
        return None


def _find(view: View, type_: type[S], id_: str) -> S | None:
    found = view.find(type_, id_)
    return found.spec if found else None
