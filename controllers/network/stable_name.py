"""A host name from the machine's own identity: the same after each boot, whatever happens to its network cards.

The firmware's product id counts if it is a real one; else the identity that the node keeps on STATE.
"""

import hashlib
from pathlib import Path

PRODUCT_ID = "class/dmi/id/product_uuid"


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
