"""A host name from the machine's own identity: the same after each boot, before anything is on a disk.

The firmware's product id counts if it is a real one; else the hardware address of the first physical link, or of any.
"""

import hashlib
from pathlib import Path

from controllers.network.link_names import first_physical
from controllers.resources.network import LinkStatus

PRODUCT_ID = "class/dmi/id/product_uuid"
_NO_ADDRESS = ("", "00:00:00:00:00:00")


def make_stable_name(identity: str) -> str:
    """Return `ophite-` and six characters of a hash of an identity."""
    return f"ophite-{hashlib.sha256(f'hostname {identity}'.encode()).hexdigest()[:6]}"


def read_product_id(sys_path: Path) -> str:
    """Return the firmware's product id, or nothing when there is none or it is a placeholder."""
    try:
        text = (sys_path / PRODUCT_ID).read_text(encoding="ascii").strip().lower()
    except (OSError, UnicodeDecodeError):
        return ""
    return text if len(set(text) - {"-"}) > 2 and len(text) <= 64 else ""


def find_link_identity(links: list[LinkStatus]) -> str:
    """Return the hardware address that identifies a machine, or nothing when no link has one."""
    first = first_physical(links)
    if first is not None and first.hardware_address not in _NO_ADDRESS:
        return first.hardware_address
    others = sorted(links, key=lambda link: link.index)
    return next((link.hardware_address for link in others if link.hardware_address not in _NO_ADDRESS), "")
