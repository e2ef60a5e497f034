"""Manifest → the cluster, in order, as soon as the API server is ready.

Applying is idempotent, so a new brain simply applies everything again; afterwards an object is written only when its
manifest changed. What fails is tried again, and does not keep the others away.
"""

import hashlib
from collections.abc import Awaitable, Callable, Iterable

from controllers.kubernetes.api_client import get_client
from controllers.ports import Ports
from controllers.resources.kubernetes import Manifest, ManifestStatus
from controllers.resources.pki import Certificate, CertificateRoot
from controllers.resources.services import ServiceHealth
from controllers.runtime.controller import Controller, Input, Output, View, Wanted
from controllers.runtime.errors import Waiting
from controllers.services.errors import RequestError
from controllers.services.health import API_SERVER

RETRY_INTERVAL = 5.0
"""Seconds to the next attempt, before patience."""

Apply = Callable[[View, str], Awaitable[None]]
"""Applies one document. Raises `RequestError`."""


class ManifestApplyController(Controller):
    """Applies the manifests and says which are in the cluster."""

    name = "kubernetes.ManifestApplyController"
    inputs = (
        Input(Manifest),
        Input(ServiceHealth, id=API_SERVER),
        Input(Certificate, id="admin"),
        Input(CertificateRoot, id="kubernetes"),
    )
    outputs = (Output(ManifestStatus),)
    timeout = 300.0

    def __init__(self, ports: Ports, apply: Apply | None = None) -> None:
        self._patience = ports.patience
        self._apply = apply or self._apply_remote
        self._done: dict[str, str] = {}
        """Manifest id → hash of the document that the cluster has."""

    async def reconcile(self, view: View) -> Iterable[Wanted]:
        """Apply what is new."""
        manifests = view.list(Manifest)
        if not manifests:
            raise Waiting("Manifest")
        health = view.find(ServiceHealth, API_SERVER)
        if not self._done and not (health and health.spec.healthy):
            raise Waiting("the API server to answer /readyz")
        errors = []
        for manifest in manifests:
            digest = hashlib.sha256(manifest.spec.document.encode()).hexdigest()
            if self._done.get(manifest.id) == digest:
                continue
            try:
                await self._apply(view, manifest.spec.document)
                self._done[manifest.id] = digest
            except RequestError as error:
                self._done.pop(manifest.id, None)
                errors.append(str(error))
        applied = tuple(m.id for m in manifests if m.id in self._done)
        pending = tuple(m.id for m in manifests if m.id not in self._done)
        if pending:
            view.wake_after(RETRY_INTERVAL * self._patience)
        status = ManifestStatus(applied=applied, pending=pending, error=errors[0] if errors else "")
        return [Wanted("manifests", status)]

    async def _apply_remote(self, view: View, document: str) -> None:
        await get_client(view, self._patience).apply(document)
