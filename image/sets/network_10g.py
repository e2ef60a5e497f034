"""Network cards of servers, 10 Gbit/s and more, and the virtual functions that a hypervisor hands out of them.

Left out are cards that few have and that want a big firmware (Netronome Agilio, Cavium LiquidIO), and those that are no
longer made.
"""

from __future__ import annotations

from image.sets.moduleset import ModuleSet

SET = ModuleSet(
    name="network-10g",
    summary="network cards from 10 to 400 Gbit/s: Intel, Mellanox, Broadcom, Chelsio, QLogic, Marvell, Solarflare, Amazon",
    modules=(
        "ixgbe", "ixgbevf", "i40e", "iavf", "ice", "idpf", "bnxt_en", "bnx2x", "mlx4_en", "mlx5_core", "cxgb4",
        "cxgb4vf", "qede", "sfc", "ena", "gve", "atlantic", "be2net", "enic", "hinic", "ionic", "mana",
    ),
    firmware=("firmware-intel-misc", "firmware-bnx2x", "firmware-misc-nonfree", "firmware-qlogic"),
)  # fmt: skip
