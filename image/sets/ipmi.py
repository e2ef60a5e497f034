"""The management controller of a server: its sensors and events, and its watchdog."""

from __future__ import annotations

from image.sets.moduleset import ModuleSet

SET = ModuleSet(
    name="ipmi",
    summary="IPMI: the server's management controller as /dev/ipmi0, and its watchdog",
    modules=("ipmi_si", "ipmi_ssif", "ipmi_devintf", "ipmi_watchdog", "acpi_ipmi"),
)
