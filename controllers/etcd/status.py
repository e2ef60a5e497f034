"""A running etcd → EtcdStatus: its id, leader, version and size, or why it does not answer."""

from collections.abc import Iterable
from typing import Protocol

from controllers.etcd.client import EtcdClient, MemberStatus, make_client
from controllers.ports import Ports
from controllers.resources.kubernetes import EtcdStatus
from controllers.resources.pki import Certificate, CertificateRoot
from controllers.resources.services import ServiceHealth, ServiceStatus
from controllers.runtime.controller import Controller, Input, Output, View, Wanted
from controllers.runtime.errors import Waiting
from controllers.services.errors import RequestError
from controllers.services.health import bound_patience

UNWELL_INTERVAL, WELL_INTERVAL = 2.0, 30.0
"""Seconds to the next question, times the patience factor."""


class MakeClient(Protocol):
    """`make_client`."""

    def __call__(self, root: CertificateRoot, leaf: Certificate, timeout: float, /, *, url: str = "") -> EtcdClient:
        """Return a client."""
        ...


class EtcdStatusController(Controller):
    """Asks the local member."""

    name = "etcd.EtcdStatusController"
    inputs = (
        Input(ServiceStatus, id="etcd"),
        Input(ServiceHealth, id="etcd"),
        Input(CertificateRoot, id="etcd"),
        Input(Certificate, id="etcd-client"),
    )
    outputs = (Output(EtcdStatus),)

    def __init__(self, ports: Ports, client: MakeClient = make_client) -> None:
        self._client = client
        self._factor = bound_patience(ports.patience)

    async def reconcile(self, view: View) -> Iterable[Wanted]:
        """One status. Raises `Waiting` while there is no etcd to ask."""
        if view.find(ServiceStatus, "etcd") is None:
            raise Waiting("service etcd")
        root, leaf = view.get(CertificateRoot, "etcd").spec, view.get(Certificate, "etcd-client").spec
        try:
            status = await self._client(root, leaf, 5.0 * self._factor).status()
        except RequestError as error:
            view.wake_after(UNWELL_INTERVAL * self._factor)
            return [Wanted("etcd", EtcdStatus(healthy=False, message=error.message))]
        result = render_status(status)
        view.wake_after((WELL_INTERVAL if result.healthy else UNWELL_INTERVAL) * self._factor)
        return [Wanted("etcd", result)]


def render_status(status: MemberStatus) -> EtcdStatus:
    """Return the resource; a member without a leader is not healthy."""
    trouble = "" if status.leader != "0" else "no leader"
    return EtcdStatus(
        healthy=not (trouble or status.errors),
        member_id=status.member_id,
        leader=status.leader,
        version=status.version,
        db_size=status.db_size,
        message=", ".join((*status.errors, trouble)) if status.errors and trouble else trouble or ", ".join(status.errors),
    )
