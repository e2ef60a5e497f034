"""`etcd.*` and `kubeconfig`: create the cluster's database, look at it, and reach the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from controllers.machine.operations.table import Nothing, method
from controllers.resources.kubernetes import AdminKubeconfig, EtcdBootstrap, EtcdStatus
from controllers.resources.pki import Certificate, CertificateRoot
from controllers.runtime.errors import AlreadyExists, OperationError
from controllers.runtime.resource import new
from controllers.services.errors import RequestError

if TYPE_CHECKING:
    from controllers.ports import Ports
    from controllers.runtime.store import Store
    from controllers.runtime.wire import Method

OWNER = "api"
MEMBERS_TIMEOUT = 5.0  # seconds
_NO_ETCD = "`ophite bootstrap` creates the cluster; `ophite get machinestatus` names what is missing"


def methods(store: Store, ports: Ports) -> list[Method]:
    """Return the lines of the table."""
    return [
        method("etcd.bootstrap", Nothing, lambda _: bootstrap(store, ports.clock.wall())),
        method("etcd.status", Nothing, lambda _: describe_status(store)),
        method("etcd.members", Nothing, lambda _: list_members(store, MEMBERS_TIMEOUT * ports.patience)),
        method("kubeconfig", Nothing, lambda _: get_kubeconfig(store)),
    ]


async def bootstrap(store: Store, now: float) -> None:
    """Ask for a new cluster. In: `now`, seconds since the epoch.

    Raises `OperationError` with the reason in every case where that would be wrong.
    """
    from controllers.etcd.bootstrap import check_bootstrap

    await check_bootstrap(store)
    try:
        await store.create(new("bootstrap", EtcdBootstrap(requested=now), owner=OWNER))
    except AlreadyExists:
        message = "a bootstrap of this node is under way already"
        raise OperationError("already_exists", message, "watch it: ophite health") from None


async def describe_status(store: Store) -> dict[str, Any]:
    """Return what this node's member says, as builtins. Raises `OperationError` when there is none."""
    found = await store.find(EtcdStatus, "etcd")
    if found is None:
        raise OperationError("failed_precondition", "etcd does not run on this node", _NO_ETCD)
    spec = found.spec
    return {
        "healthy": spec.healthy,
        "member_id": spec.member_id,
        "leader": spec.leader,
        "version": spec.version,
        "db_size": spec.db_size,
        "message": spec.message,
    }


async def list_members(store: Store, limit: float) -> list[dict[str, Any]]:
    """Return the members as builtins; `limit` in seconds. Raises `OperationError` when etcd cannot be asked."""
    from controllers.etcd.client import make_client

    root = await store.find(CertificateRoot, "etcd")
    leaf = await store.find(Certificate, "etcd-client")
    if root is None or leaf is None:
        raise OperationError("failed_precondition", "this node has no access to etcd (yet)", _NO_ETCD)
    try:
        return [msgspec.to_builtins(member) for member in await make_client(root.spec, leaf.spec, limit).members()]
    except RequestError as error:
        raise OperationError("unavailable", error.message, error.hint or _NO_ETCD) from None


async def get_kubeconfig(store: Store) -> str:
    """Return the administrator's kubeconfig. Raises `OperationError` when there is none."""
    found = await store.find(AdminKubeconfig, "admin")
    if found is None:
        hint = "only a control-plane node makes it, as soon as it has its configuration and the right time"
        raise OperationError("failed_precondition", "this node has no administrator's kubeconfig (yet)", hint)
    return found.spec.yaml
