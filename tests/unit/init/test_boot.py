"""Stage 2: the tables, and that no failure stops it."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from init import boot
from init.boot import CGROUPS, MOUNTS, OWN_SERVICES, STEPS, SYSCTLS, Step, run_steps
from init.linux.cmdline import CommandLine, parse_cmdline
from init.linux.kmsg import Log
from init.linux.mount import MS_NODEV, MS_NOEXEC, MS_NOSUID
from init.services import OWN_SERVICES as OWN_IDS
from init.services import decode_spec

LOG = Log(2, plain=True)


def test_every_mount_is_nosuid_and_noexec_and_only_pts_has_devices() -> None:
    for line in MOUNTS:
        assert line.flags & MS_NOSUID
        assert line.flags & MS_NOEXEC
        assert bool(line.flags & MS_NODEV) != (line.target == "/dev/pts")


def test_a_step_that_raises_is_logged_and_the_boot_goes_on(capfd: pytest.CaptureFixture[str]) -> None:
    seen: list[str] = []

    def explode(_: CommandLine) -> list[str]:
        raise KeyError("boom")

    def note(_: CommandLine) -> list[str]:
        seen.append("after")
        return ["only half"]

    run_steps((Step("first", explode), Step("second", note)), LOG, parse_cmdline(""))
    assert seen == ["after"]
    text = capfd.readouterr().err
    assert "stage 2: degraded step=first problem='boom'" in text
    assert 'stage 2: degraded step=second problem="only half"' in text


def test_namespaces_leave_the_machine_alone() -> None:
    seen: list[str] = []

    def note(name: str, _: CommandLine) -> None:
        seen.append(name)

    steps = tuple(Step(step.name, partial(note, step.name), step.machine) for step in STEPS)
    run_steps(steps, LOG, parse_cmdline("ophite.platform=namespaces"))
    assert seen == [step.name for step in STEPS if not step.machine]
    assert not {"sysctls", "modules", "ctrl-alt-del"} & set(seen)


def test_own_services_pass_the_rules_for_all_services() -> None:
    assert set(OWN_SERVICES) == OWN_IDS
    for spec in OWN_SERVICES.values():
        problems: list[str] = []
        value: dict[str, Any] = {key: list(item) if isinstance(item, tuple) else item for key, item in spec._asdict().items()}
        value["env"] = dict(spec.env)
        value["restart"] = spec.restart.value
        assert decode_spec(value, "own", problems) == spec
        assert problems == []


def test_the_api_has_no_privileges_and_the_brain_is_started_by_path() -> None:
    api, brain = OWN_SERVICES["api"], OWN_SERVICES["controllers"]
    assert (api.uid, api.gid, api.capabilities, api.no_new_privs) == (50, 50, (), True)
    assert brain.argv == ("/usr/bin/python3.13", "-I", "-S", "/usr/lib/ophite/controllers/__main__.pyc")


def test_parents_of_control_groups_promise_at_least_what_their_children_do() -> None:
    limits = dict(CGROUPS)
    children = [limits[path] for path in limits if path.startswith("ophite/")]
    assert sum(limit.memory_min for limit in children) <= limits["ophite"].memory_min
    assert sum(limit.memory_low for limit in children) <= limits["ophite"].memory_low


def test_sysctls_are_written_and_missing_ones_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = dict(setting.split("=") for setting in SYSCTLS.split())
    assert len(settings) == len(SYSCTLS.split())
    monkeypatch.setattr(boot, "PROC_SYS", str(tmp_path))
    for key in settings.keys() - {"kernel.kptr_restrict"}:
        path = tmp_path / key.replace(".", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "kernel").mkdir(exist_ok=True)
    (tmp_path / "kernel/kptr_restrict").mkdir()
    assert boot.write_sysctls(parse_cmdline("")) == ["kernel.kptr_restrict=2: Is a directory"]
    assert (tmp_path / "kernel/dmesg_restrict").read_text() == "1"
