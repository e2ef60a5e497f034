"""etcd: this node's member of the cluster's database."""

from controllers.ports import Ports
from controllers.runtime.controller import Controller

ETCD_UID = 60
"""User and group `etcd` of the image."""


def controllers(ports: Ports) -> list[Controller]:
    """Return every controller of this domain."""
    from controllers.etcd.data import EtcdDataController
    from controllers.etcd.files import EtcdFilesController
    from controllers.etcd.service import EtcdServiceController
    from controllers.etcd.spec import EtcdSpecController
    from controllers.etcd.status import EtcdStatusController

    return [
        EtcdDataController(ports),
        EtcdFilesController(ports),
        EtcdServiceController(ports),
        EtcdSpecController(ports),
        EtcdStatusController(ports),
    ]
