"""Raspberry Pi 5; the 500 and Compute Module 5 with its device tree, because Debian's kernels have none of their own.

Network, USB and pins are behind RP1, a chip on PCI Express. Interrupts of that come through `irq_bcm2712_mip`. The firmware
is in the board's own memory, so there is none on the card. Its console is the three-pin connector between the displays.
"""

from __future__ import annotations

from image.boards import raspberry_pi as pi
from image.boards.board import Board, Kernel, RaspberryPi, Stepping

TREE = "bcm2712-rpi-5-b.dtb"
SUPPLIERS = ("fixed", "gpio_regulator", "reset_raspberrypi", "pinctrl_brcmstb_bcm2712", "gpio_brcmstb", "irq_bcm2712_mip")
RP1 = ("clk_rp1", "pinctrl_rp1", "rp1_pci")

BOARD = Board(
    name="raspberry-pi-5",
    summary="Raspberry Pi 5, 500 and Compute Module 5",
    kernels={"arm64": Kernel("linux-image-arm64", "forky", words=("console=tty0", "console=ttyAMA10,115200"))},
    stage1=(*SUPPLIERS, "sdhci_brcmstb", *RP1, "xhci_plat_hcd", "dwc3", "nvme", *pi.STAGE1),
    modules=(*pi.ROOT_MODULES, "macb", "broadcom", "iproc_rng200", "bcm2711_thermal", "gpio_keys"),
    command_line=pi.WORDS,
    sets=pi.SETS,
    boot=RaspberryPi(
        device_trees=(f"broadcom/{TREE}",),
        config=(
            pi.SERIAL,
            "[pi500]", f"device_tree={TREE}",
            "[cm5]", f"device_tree={TREE}",
            "[all]",
        ),
        steppings=(
            Stepping("broadcom/bcm2712-d-rpi-5-b.dtb", f"broadcom/{TREE}", "bcm2712d0", "bcm2712d0-rpi-5-b.dtb"),
        ),
    ),
    imager=("pi5-64bit",),
)  # fmt: skip
