"""What memory controllers have counted."""

from pathlib import Path

from controllers.hardware.announcements import Announcements
from controllers.hardware.memory_errors_status import MemoryErrorsStatusController
from controllers.ports import Paths, Ports
from controllers.resources.hardware import MemoryErrors, MemoryModuleErrors
from controllers.runtime.controller import make_view
from tests.unit.hardware.fake_sysfs import make

MC = "sys/devices/system/edac/mc/"


def test_modules_with_errors_are_named(tmp_path: Path) -> None:
    make(tmp_path, {
        f"{MC}mc0/mc_name": "skx_edac", f"{MC}mc0/ce_count": 3, f"{MC}mc0/ue_count": 1,
        f"{MC}mc0/dimm0/dimm_label": "CPU0_DIMM_A1", f"{MC}mc0/dimm0/dimm_ce_count": 3, f"{MC}mc0/dimm0/dimm_ue_count": 1,
        f"{MC}mc0/dimm1/dimm_label": "CPU0_DIMM_B1", f"{MC}mc0/dimm1/dimm_ce_count": 0,
        f"{MC}mc1/ce_count": "many", f"{MC}power/control": "auto",
    })  # fmt: skip
    controller = MemoryErrorsStatusController(Ports(paths=Paths(tmp_path)), Announcements())
    view = make_view(controller, [], [], 1000.0)
    assert {one.id: one.spec for one in controller.reconcile(view)} == {
        "mc0": MemoryErrors(
            controller="skx_edac",
            corrected=3,
            uncorrected=1,
            modules=(MemoryModuleErrors(label="CPU0_DIMM_A1", corrected=3, uncorrected=1),),
        ),
        "mc1": MemoryErrors(),
    }
    assert view.wake_seconds == 60.0
