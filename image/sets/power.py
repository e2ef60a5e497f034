"""Clock frequency, heat and energy of processors. Without these an older processor runs at one clock, hot or slow."""

from __future__ import annotations

from image.sets.moduleset import ModuleSet

SET = ModuleSet(
    name="power",
    summary="processor frequency, temperature limits and energy counters",
    modules=(
        "?acpi_cpufreq", "?cppc_cpufreq", "?powernow_k8", "?intel_rapl_msr", "?intel_rapl_tpmi", "?intel_powerclamp",
        "?x86_pkg_temp_thermal", "?intel_pch_thermal", "?processor_thermal_device_pci", "?intel_uncore_frequency",
        "?intel_uncore_frequency_tpmi", "?intel_pmc_core_pltdrv", "?intel_vsec", "?intel_cstate", "?intel_uncore", "?rapl",
    ),
)  # fmt: skip
