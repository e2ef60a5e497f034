"""Whether this image can do Wi-Fi at all: it is one of the optional module sets, and a node without it says so."""

from collections.abc import Iterable, Iterator

from controllers.config.document import Document
from controllers.config.documents.wifi_config import WifiConfig
from controllers.network.wifi_supplicant import PROGRAM
from controllers.ports import Paths

ABSENT = "Wi-Fi is not in this image; build one with `--set wifi`"


def has_wifi(paths: Paths) -> bool:
    """Return whether wpa_supplicant is in this image."""
    return (paths / PROGRAM).exists()


def find_warnings(documents: Iterable[Document], paths: Paths) -> Iterator[str]:
    """Yield what whoever applies these documents should know: they are valid, and do nothing on this node."""
    for document in documents:
        if isinstance(document, WifiConfig) and not has_wifi(paths):
            yield f"{document.title}: {ABSENT}"
