"""Upgrades of a node, from the command to the end, whichever of the two versions that is."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from tests.harness.lifecycle import BOOT, Broken, Node, Spec
from tests.harness.versions import Version

WINDOW = 240  # seconds that a version has to become healthy, taken as they are: enough for an emulated node on a busy host
WRITE = 30  # seconds from the command to the reboot, native
FINAL = ("committed", "rolled-back", "failed")


@dataclass(frozen=True)
class Outcome:
    """How an upgrade ended: its status, the version that runs then, and the seconds that the API was away."""

    status: Spec
    version: str
    away: float


def start(node: Node, bundle: Path, *words: str) -> str:
    """Give the command that uploads a bundle and begins. A node of the tests is never Ready and alone: forced."""
    return node.ophite("upgrade", "--image", bundle, "--force", "--window", f"{WINDOW}s", "--no-wait", *words)


def find_status(node: Node) -> Spec:
    """What the node says of its upgrade; nothing while it does not answer or knows of none."""
    try:
        return node.get("UpgradeStatus", "upgrade")
    except (ConnectionError, KeyError):
        return {}


def wait_for_end(node: Node, to: str, boots: int = 1) -> Outcome:
    """Wait until the upgrade to the version `to` has ended. In: `boots`, how many it may take, for the limit."""
    last_answer, away = time.monotonic(), 0.0
    seen: list[str] = []

    def is_over() -> bool:
        nonlocal last_answer, away
        status = find_status(node)
        now = time.monotonic()
        if status:
            away, last_answer = max(away, now - last_answer), now
            line = f"{status['phase']} {status['to_version']} {status['step']}".strip()
            if line not in seen:
                seen.append(line)
                node.say(f"upgrade: {line} {status['error']}".rstrip())
        if node.machine.find_process() is None:
            raise Broken(f"the machine has stopped; {node.machine.console}")
        return status.get("phase") in FINAL and status.get("to_version") == to

    node.wait(f"the end of the upgrade to {to}", is_over, WRITE + BOOT * (boots + 1))
    return Outcome(find_status(node), node.find_version(), away)


def upgrade(node: Node, version: Version, *words: str, boots: int = 1) -> Outcome:
    """Upgrade, to the end."""
    start(node, version.bundle, *words)
    return wait_for_end(node, version.number, boots)
