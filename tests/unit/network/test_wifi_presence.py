"""An image without Wi-Fi takes the document and says what is missing."""

from pathlib import Path

from controllers.config.documents import HostnameConfig, WifiConfig
from controllers.network.wifi_presence import find_warnings, has_wifi
from controllers.ports import Paths


def test_a_warning_for_each_document_until_the_program_is_there(tmp_path: Path) -> None:
    documents = (HostnameConfig.example(), WifiConfig.example())
    assert not has_wifi(Paths(tmp_path))
    [warning] = find_warnings(documents, Paths(tmp_path))
    assert warning == "WifiConfig[wlan0]: Wi-Fi is not in this image; build one with `--set wifi`"

    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/bin/wpa_supplicant").touch()

    assert has_wifi(Paths(tmp_path))
    assert list(find_warnings(documents, Paths(tmp_path))) == []
