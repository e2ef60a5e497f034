"""Raspberry Pi 4: model B, 400, Compute Module 4."""

from __future__ import annotations

from image.boards import raspberry_pi as pi
from image.boards.board import Board, Kernel, RaspberryPi

SUPPLIERS = ("fixed", "gpio_regulator", "reset_raspberrypi")  # of the card's controller, and of the USB controller

BOARD = Board(
    name="raspberry-pi-4",
    summary="Raspberry Pi 4B, 400 and Compute Module 4",
    kernels={"arm64": Kernel("linux-image-arm64", words=pi.MINI_UART)},
    stage1=(*SUPPLIERS, "sdhci_iproc", "xhci_pci", "xhci_plat_hcd", "phy_generic", "dwc2", "nvme", *pi.STAGE1),
    modules=(
        *pi.ROOT_MODULES, "genet", "mdio_bcm_unimac", "broadcom", "iproc_rng200", "bcm2711_thermal", "i2c_bcm2835",
        "i2c_mux_pinctrl", "rtc_pcf85063",
    ),
    command_line=pi.WORDS,
    sets=pi.SETS,
    boot=RaspberryPi(
        device_trees=("broadcom/bcm2711-rpi-4*.dtb", "broadcom/bcm2711-rpi-cm4-io.dtb"),
        firmware=("start4.elf", "fixup4.dat"),
        config=(pi.UPSTREAM, pi.SERIAL, pi.GPU_MEMORY),
    ),
    imager=("pi4-64bit",),
    tested="QEMU raspi4b: kernel and the first steps of PID 1, no more than it models",
)  # fmt: skip
