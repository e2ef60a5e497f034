"""WifiServiceController: a wpa_supplicant per wireless link that is there and wanted up.

The directory of the control sockets is made here, because wpa_supplicant's user may not make one below /run/ophite.
Trap: it ends when its link does not exist, and sets a link up whatever others want; so neither the link nor a LinkConfig may
say otherwise.
"""

from collections.abc import Iterator

from controllers.config.documents.wifi_config import WifiConfig
from controllers.etcd.data import make_directory
from controllers.network.wifi_presence import has_wifi
from controllers.network.wifi_supplicant import (
    CAPABILITIES,
    CONTROL_DIRECTORY,
    WIFI_UID,
    config_path,
    render_argv,
    service_id,
)
from controllers.ports import Ports
from controllers.resources.machine import FileStatus
from controllers.resources.network import NETWORK, LinkSpec, LinkStatus
from controllers.resources.services import ServiceSpec
from controllers.runtime.controller import SHARED, Controller, Input, Output, View, Wanted
from controllers.services.written_files import get_written

MEMORY_MAX = 64 << 20
"""Bytes; it takes some 10 MiB. What is sent by radio shall never cost the node more."""


class WifiServiceController(Controller):
    """WifiConfig, its written file, and the link → ServiceSpec `wifi-LINK`. In a thread: it makes a directory."""

    name = "network.WifiServiceController"
    inputs = (Input(WifiConfig), Input(LinkStatus), Input(LinkSpec, NETWORK), Input(FileStatus))
    outputs = (Output(ServiceSpec, kind=SHARED),)
    inline = False

    def __init__(self, ports: Ports, uid: int = WIFI_UID) -> None:
        self._paths, self._uid, self._patience = ports.paths, uid, ports.patience

    def reconcile(self, view: View) -> Iterator[Wanted]:
        """Raises `Waiting` until the files are written; what runs goes on meanwhile."""
        if not has_wifi(self._paths):
            return
        for document in view.list(WifiConfig):
            name = document.spec.name
            wanted = view.find(LinkSpec, name)
            if view.find(LinkStatus, name) is None or (wanted is not None and not wanted.spec.up):
                continue
            written = get_written(view, config_path(name))
            make_directory(self._paths / CONTROL_DIRECTORY, self._uid)
            yield Wanted(service_id(name), self._service(name, written))

    def _service(self, link: str, written: str) -> ServiceSpec:
        return ServiceSpec(
            argv=render_argv(link),
            uid=self._uid,
            gid=self._uid,
            cgroup=f"ophite/{service_id(link)}",
            memory_max=MEMORY_MAX,
            oom_score_adj=-900,
            capabilities=CAPABILITIES,
            no_new_privs=True,
            stop_timeout=5.0 * self._patience,
            restart_on=(written,),
        )
