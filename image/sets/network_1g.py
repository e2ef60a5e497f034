"""Network cards of PCs and of a server's own ports, up to 2.5 Gbit/s."""

from __future__ import annotations

from image.sets.moduleset import ModuleSet

SET = ModuleSet(
    name="network-1g",
    summary="network cards up to 2.5 Gbit/s: Intel, Broadcom, Realtek, Marvell, Atheros, Nvidia",
    modules=(
        "e1000", "e1000e", "igb", "igbvf", "igc", "tg3", "bnx2", "r8169", "8139cp", "8139too", "alx", "atl1c", "sky2",
        "skge", "jme", "?forcedeth", "via_velocity", "lan743x",
    ),
    firmware=("firmware-realtek", "firmware-misc-nonfree", "firmware-bnx2"),
)  # fmt: skip
