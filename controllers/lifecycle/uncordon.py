"""After an upgrade, whatever its end: pods may come again.

The cordon is noted on the Node itself, so this needs no memory: it looks once for every end of an upgrade that it sees, the
one that an earlier boot began included.
"""

from __future__ import annotations

from controllers.kubernetes.api_client import get_client
from controllers.lifecycle.drain import uncordon
from controllers.ports import Ports
from controllers.resources.kubernetes import Nodename
from controllers.resources.lifecycle import UPGRADE, UpgradeStatus
from controllers.resources.pki import Certificate, CertificateRoot
from controllers.resources.services import ServiceHealth
from controllers.runtime.controller import Controller, Input, View
from controllers.runtime.errors import Waiting
from controllers.services.errors import RequestError
from controllers.services.health import API_SERVER

RETRY_INTERVAL = 5.0
"""Seconds to the next attempt, before patience."""


class UncordonController(Controller):
    """`UpgradeStatus` at its end → the Node may be scheduled on, if it was an upgrade that forbade it."""

    name = "lifecycle.UncordonController"
    inputs = (
        Input(UpgradeStatus, id=UPGRADE),
        Input(Nodename, id="nodename"),
        Input(ServiceHealth, id=API_SERVER),
        Input(Certificate, id="admin"),
        Input(CertificateRoot, id="kubernetes"),
    )

    def __init__(self, ports: Ports) -> None:
        self._patience = ports.patience
        self._done = ""
        """The upgrade, and the end of it, that was seen to."""

    async def reconcile(self, view: View) -> None:
        """Look at the Node once for every end."""
        status = view.find(UpgradeStatus, UPGRADE)
        if status is None or not status.spec.phase.final:
            return
        end = f"{status.spec.request} {status.spec.phase}"
        if self._done == end:
            return
        nodename = view.get(Nodename, "nodename").spec.nodename
        if not view.get(ServiceHealth, API_SERVER).spec.healthy:
            raise Waiting("the API server to answer /readyz")
        try:
            await uncordon(get_client(view, self._patience), nodename)
        except RequestError as error:
            view.wake_after(RETRY_INTERVAL * self._patience)
            raise Waiting(f"the API server to uncordon the node: {error.message}") from error
        self._done = end
