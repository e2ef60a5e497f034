"""Serial ports on USB: consoles of other machines, radio sticks (Zigbee, Z-Wave), meters, modems, microcontrollers."""

from __future__ import annotations

from image.sets.moduleset import ModuleSet

SET = ModuleSet(
    name="usb-serial",
    summary="USB serial adapters: FTDI, Silicon Labs, WCH, Prolific, CDC ACM; modems",
    modules=(
        "ftdi_sio", "cp210x", "ch341", "pl2303", "mct_u232", "f81232", "f81534", "xr_serial", "ark3116", "mos7840",
        "usb_serial_simple", "option", "qcserial", "sierra", "cdc_acm", "cdc_wdm",
    ),
)  # fmt: skip
