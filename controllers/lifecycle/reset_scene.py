"""What a reset sees of the machine in one look."""

from __future__ import annotations

from typing import NamedTuple

from controllers.block.volume_facts import is_settled
from controllers.lifecycle.drain import DrainApi
from controllers.lifecycle.reset_record import KEY
from controllers.lifecycle.scene import find_api
from controllers.resources.block import BlockDevice, DiscoveredVolume, Disk
from controllers.resources.kubernetes import EtcdStatus, Nodename, NodeStatus
from controllers.resources.machine import VersionInfo
from controllers.resources.meta import MetaStatus, MetaValue
from controllers.resources.pki import Certificate, CertificateRoot
from controllers.resources.reset import RESET, ResetHold, ResetRequest
from controllers.runtime.controller import Input, View

INPUTS = (
    Input(ResetRequest, id=RESET),
    Input(ResetHold, id=RESET),
    Input(MetaStatus, id="meta"),
    Input(MetaValue, id=KEY),
    Input(BlockDevice),
    Input(Disk),
    Input(DiscoveredVolume),
    Input(Nodename, id="nodename"),
    Input(NodeStatus),
    Input(VersionInfo, id="version"),
    Input(EtcdStatus, id="etcd"),
    Input(Certificate, id="admin"),
    Input(Certificate, id="etcd-client"),
    Input(CertificateRoot, id="kubernetes"),
    Input(CertificateRoot, id="etcd"),
)


class EtcdMember(NamedTuple):
    """This node's member, which is healthy, and how to reach it."""

    id: str
    root: CertificateRoot
    leaf: Certificate


class Scene(NamedTuple):
    """`disks` and `volumes` by kernel name; `settled`: each device was looked at, and new ones had their time to appear.

    `meta`: the device of META, "" where it does not outlive a reboot; `record`: what it says of a reset; `held`: this boot
    found one that is not over; `age`: seconds since the first look.
    """

    request: ResetRequest | None
    disks: dict[str, Disk]
    volumes: dict[str, DiscoveredVolume]
    settled: bool
    age: float
    meta: str
    record: str | None
    held: bool
    node: str
    api: DrainApi | None
    member: EtcdMember | None


def gather(view: View, patience: float, age: float) -> Scene:
    """Return what the resources say."""
    nodename, status = view.find(Nodename, "nodename"), view.find(EtcdStatus, "etcd")
    root, leaf = view.find(CertificateRoot, "etcd"), view.find(Certificate, "etcd-client")
    member = None
    if status is not None and status.spec.healthy and root is not None and leaf is not None:
        member = EtcdMember(status.spec.member_id, root.spec, leaf.spec)
    name = nodename.spec.nodename if nodename else ""
    request, value, hold = view.find(ResetRequest, RESET), view.find(MetaValue, KEY), view.find(ResetHold, RESET)
    meta = view.find(MetaStatus, "meta")
    volumes = {one.id: one.spec for one in view.list(DiscoveredVolume)}
    return Scene(
        request=request.spec if request else None,
        disks={one.id: one.spec for one in view.list(Disk)},
        volumes=volumes,
        settled=is_settled(view, volumes, age, patience),
        age=age,
        meta=meta.spec.place if meta is not None and meta.spec.durable else "",
        record=value.spec.value if value else None,
        held=hold is not None and hold.spec.held,
        node=name,
        api=find_api(view, name, patience) if request else None,
        member=member,
    )
