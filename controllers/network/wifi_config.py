"""WifiConfigController: the configuration file of each link's wpa_supplicant."""

from collections.abc import Iterator

from controllers.config.documents.wifi_config import WifiConfig
from controllers.network.wifi_presence import has_wifi
from controllers.network.wifi_supplicant import WIFI_UID, config_path, render_config
from controllers.ports import Ports
from controllers.resources.machine import FileSpec
from controllers.runtime.controller import SHARED, Controller, Input, Output, View, Wanted


class WifiConfigController(Controller):
    """WifiConfig → FileSpec that only wpa_supplicant's user may read; none in an image without Wi-Fi."""

    name = "network.WifiConfigController"
    inputs = (Input(WifiConfig),)
    outputs = (Output(FileSpec, kind=SHARED),)

    def __init__(self, ports: Ports) -> None:
        self._paths = ports.paths

    def reconcile(self, view: View) -> Iterator[Wanted]:
        if not has_wifi(self._paths):
            return
        for document in view.list(WifiConfig):
            path = config_path(document.spec.name)
            content = render_config(document.spec)
            yield Wanted(path, FileSpec(path=path, content=content, mode=0o400, uid=WIFI_UID, gid=WIFI_UID))
