"""Radios that exist in memory only, for tests: they hear each other as if they lay side by side."""

from __future__ import annotations

from image.sets.moduleset import ModuleSet

SET = ModuleSet(
    name="wifi-hwsim",
    summary="simulated radios for tests (mac80211_hwsim), to go with wifi; load it with a KernelModuleConfig",
    modules=("mac80211_hwsim",),
    firmware=("wireless-regdb",),
    firmware_links={"regulatory.db": "regulatory.db-upstream", "regulatory.db.p7s": "regulatory.db.p7s-upstream"},
)
