"""The order of the tests, the time of each phase, and where failures leave their traces.

Cheap tests first: a phase is the directory below tests/. Every phase's time is printed above pytest's closing line.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How quickly examples are made says how busy the machine is, and nothing about what is tested.
settings.register_profile("ophite", suppress_health_check=[HealthCheck.too_slow], deadline=None)
settings.load_profile("ophite")

TESTS = Path(__file__).resolve().parent
ARTIFACTS = TESTS.parent / "build/test-artifacts"
PHASES = ("unit", "conformance", "kernel", "image", "node", "vm")
SOAK = os.environ.get("OPHITE_SOAK") == "1"
TIMES = pytest.StashKey[dict[str, float]]()

Progress = Callable[[str], None]


def get_phase(path: Path) -> str:
    """The phase that a test file belongs to."""
    return path.relative_to(TESTS).parts[0]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Bring the phases into their order, keep the order within each, and leave out what takes long unless it was asked for."""
    long = [] if SOAK else [item for item in items if item.get_closest_marker("soak")]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in long]
    items.sort(key=lambda item: PHASES.index(get_phase(item.path)))


def pytest_configure(config: pytest.Config) -> None:
    """Start with no time spent."""
    config.stash[TIMES] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Add the time of each test to its phase."""
    began = time.monotonic()
    result = yield
    times = item.config.stash[TIMES]
    phase = get_phase(item.path)
    times[phase] = times.get(phase, 0.0) + time.monotonic() - began
    return result


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the times, and where failed nodes left their logs."""
    times = config.stash[TIMES]
    if len(times) > 1 or "vm" in times or "node" in times:
        terminalreporter.section("time per phase")
        for phase, seconds in times.items():
            terminalreporter.line(f"{phase:12} {seconds:8.1f} s")
    if terminalreporter.stats.get("failed") and ARTIFACTS.is_dir():
        terminalreporter.section("what failed nodes left")
        for path in sorted(ARTIFACTS.rglob("*")):
            if path.is_file():
                terminalreporter.line(str(path.relative_to(TESTS.parent)))


@pytest.fixture(scope="session")
def progress(request: pytest.FixtureRequest) -> Progress:
    """Says a line on the terminal at once, although the test's own output is captured."""
    reporter: pytest.TerminalReporter = request.config.pluginmanager.getplugin("terminalreporter")
    capture = request.config.pluginmanager.getplugin("capturemanager")
    began = time.monotonic()

    def say(text: str) -> None:
        with capture.global_and_fixture_disabled() if capture else nullcontext():
            reporter.ensure_newline()
            reporter.write_line(f"  {time.monotonic() - began:6.0f} s  {text}")

    return say
