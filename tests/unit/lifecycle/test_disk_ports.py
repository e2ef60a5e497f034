import subprocess
import sys


def test_a_brain_that_starts_loads_nothing_that_writes_slots_or_fetches() -> None:
    code = "import controllers.lifecycle.disk_ports, sys; print(*[name for name in sys.modules if '.lifecycle.' in name])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = ("fetch", "fetch_http", "oci", "bundle", "bundle_spool", "slot_work", "slot_writer", "entries")
    assert [name for name in heavy if f"controllers.lifecycle.{name}" in loaded] == []
