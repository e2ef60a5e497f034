"""Watchdogs of servers and boards besides the common ones that every board's initramfs has."""

from __future__ import annotations

from image.sets.moduleset import ModuleSet

SET = ModuleSet(
    name="watchdog",
    summary="watchdogs of HPE servers, of ACPI, of arm64 servers, of industrial boards",
    modules=(
        "wdat_wdt",
        "?hpwdt",
        "?sbsa_gwdt",
        "?it87_wdt",
        "?w83627hf_wdt",
        "?f71808e_wdt",
        "?mei_wdt",
        "?sp805_wdt",
        "?dw_wdt",
    ),
)
