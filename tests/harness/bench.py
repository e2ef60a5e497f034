"""How fast a node is installed, changes its version and goes down: `python -m tests.harness.bench`.

One machine in QEMU: installed from the ISO image, upgraded, powered off. The installation is compared with a plain copy of the
same bytes, from the same medium to a disk like the node's, done in the same boot before anything else runs. Without KVM the
numbers are the emulator's; their ratios still compare.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from pathlib import Path
from typing import Any

from image.qemu_disks import Disk
from tests.harness import upgrades
from tests.harness.lifecycle import SHUTDOWN, Node
from tests.harness.nodes import destroy
from tests.harness.versions import GOOD, Version, build_version

NAME = "bench"
DD = """
def _copy() -> None:
    import time

    from init.linux import disks, mount

    with open("/proc/cmdline", encoding="ascii") as file:
        words = dict(word.partition("=")[::2] for word in file.read().split())
    if words.get("ophite.root") != "iso":
        return
    medium, _ = disks.find_medium(words["ophite.medium"])
    place, target, size = "/run/plain", "/dev/vdb", 0
    os.makedirs(place)
    mount.mount(medium, place, "iso9660", mount.MS_RDONLY)
    began = time.monotonic()
    with open(place + "/root.erofs", "rb", buffering=0) as reader, open(target, "wb", buffering=0) as writer:
        while piece := reader.read(1 << 20):
            size += writer.write(piece)
        os.fsync(writer.fileno())
    seconds = time.monotonic() - began
    mount.umount(place)
    with open("/dev/kmsg", "w", encoding="ascii") as file:
        file.write(f"<1>copied {size} bytes in {seconds:.3f} s")


_copy()
"""
INSTALLER = Version("1.0.1", {"init/boot.py": DD}, ("raw", "iso"))
COPIED = re.compile(r"copied (\d+) bytes in ([0-9.]+) s")
DOCUMENTS = """
apiVersion: ophite/v1
kind: InstallConfig
disk: {match: {path: /dev/vda}}
"""


def say(text: str) -> None:
    """One line of progress on standard error: the result alone is on standard output."""
    sys.stderr.write(f"{text}\n")


def measure_install(node: Node) -> dict[str, Any]:
    """Install, and compare with the plain copy."""
    node.boot_medium()
    found = COPIED.search(node.read_console())
    if found is None:
        raise SystemExit(f"the console says nothing of the plain copy: {node.machine.console}")
    plain = int(found[1]) / float(found[2]) / 1e6
    node.apply(insecure=True)
    rates: list[float] = []
    began = time.monotonic()
    seconds = node.wait_for_installation(lambda status: rates.append(float(status["rate"])))
    rate = rates[-1] if rates else 0.0
    return {
        "root_bytes": int(found[1]),
        "plain_copy_mb_per_s": round(plain, 1),
        "install_mb_per_s": round(rate, 1),
        "install_to_plain_copy": round(rate / plain, 2),
        "install_seconds": round(seconds, 1),
        "install_seconds_until_power_off": round(time.monotonic() - began, 1),
    }


def measure_upgrade(node: Node) -> dict[str, Any]:
    """Upgrade: the time from the last answer of the API to the first after it."""
    node.boot_disk()
    node.bootstrap()
    outcome = upgrades.upgrade(node, GOOD)
    if outcome.status["phase"] != "committed":
        raise SystemExit(f"the upgrade ended as {outcome.status}")
    return {"upgrade_down_time_seconds": round(outcome.away, 1), "bundle_bytes": GOOD.bundle.stat().st_size}


def measure_shutdown(node: Node) -> dict[str, Any]:
    """From the command to the end of the machine."""
    began = time.monotonic()
    node.ophite("shutdown", "--force")
    node.wait_until_off(SHUTDOWN)
    return {"shutdown_seconds": round(time.monotonic() - began, 1)}


def main() -> int:
    """Build, measure, print JSON; the exit status."""
    parser = argparse.ArgumentParser(description="Measure installing, upgrading and shutting down.")
    parser.add_argument("--output", type=Path, help="write the result there too")
    options = parser.parse_args()
    for version in (INSTALLER, GOOD):
        build_version(version, say)
    node = Node.make(say, NAME, INSTALLER.directory, blank=True, medium=INSTALLER.iso, disks=(Disk("copy", 4096),))
    node.add_documents(DOCUMENTS)
    try:
        result = {**measure_install(node), **measure_upgrade(node), **measure_shutdown(node)}
        result["emulated"] = node.is_emulated()
    finally:
        destroy(NAME)
    text = json.dumps(result, indent=2) + "\n"
    sys.stdout.write(text)
    if options.output:
        options.output.write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
