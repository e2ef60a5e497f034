"""Every constant of init.linux against the headers that are installed here."""

import re
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from init.linux import caps, clock, devices, dm, kmsg, loop, modules, mount, power, syscalls, watchdog

HEADERS = """
sys/mount.h linux/reboot.h sys/prctl.h sys/timex.h sys/syslog.h sys/ioctl.h net/if.h linux/loop.h linux/dm-ioctl.h
linux/capability.h linux/watchdog.h linux/input.h linux/sockios.h linux/module.h
"""
PATTERN = re.compile(r"(MS|MNT|LINUX_REBOOT|LOOP|LO|DM|PR|ADJ|WDIOC|SIOC\w*|IFF|EV|KEY|MODULE|CAP|LOG)_\w+|SIOC\w+")
OTHER_NAMES = {"VERSION_3": "_LINUX_CAPABILITY_VERSION_3", "EVIOCGBIT_KEY": "EVIOCGBIT(EV_KEY, 96)"}
MODULES = (caps, clock, devices, dm, kmsg, loop, modules, mount, power, watchdog)
SIZES = {
    "sizeof(struct dm_ioctl)": dm._IOCTL.size,
    "sizeof(struct dm_target_spec)": dm._TARGET.size,
    "sizeof(struct loop_config)": loop._CONFIG.size,
    "sizeof(struct input_event)": devices._EVENT.size,
    "sizeof(struct timex)": clock._TIMEX_SIZE,
    "__builtin_offsetof(struct timex, status)": clock._HEAD.size - 4,
    "__builtin_offsetof(struct loop_config, info.lo_file_name)": 64,
}


def constants(module: ModuleType) -> dict[str, int]:
    names = {name: value for name, value in vars(module).items() if isinstance(value, int)}
    return {
        OTHER_NAMES.get(name, name): value for name, value in names.items() if name in OTHER_NAMES or PATTERN.fullmatch(name)
    }


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    expressions = {name for module in MODULES for name in constants(module)} | set(SIZES) | set(caps.CAPABILITIES)
    directory = tmp_path_factory.mktemp("headers")
    includes = "\n".join(f"#include <{header}>" for header in HEADERS.split())
    body = "\n".join(f'printf("%llu\\t%s\\n", (unsigned long long)({text}), "{text}");' for text in sorted(expressions))
    (directory / "x.c").write_text(f"#include <stdio.h>\n{includes}\nint main(void) {{\n{body}\nreturn 0;\n}}\n")
    subprocess.run(["gcc", "-w", "-o", directory / "x", directory / "x.c"], check=True)
    lines = subprocess.run([directory / "x"], check=True, capture_output=True, text=True).stdout.splitlines()
    return {text: int(value) for value, text in (line.split("\t") for line in lines)}


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_constants(module: ModuleType, compiled: dict[str, int]) -> None:
    found = constants(module)
    assert found
    assert {name: compiled[name] & 0xFFFFFFFF for name in found} == found


def test_sizes(compiled: dict[str, int]) -> None:
    assert {text: compiled[text] for text in SIZES} == SIZES


def test_capabilities_are_all_there_in_order(compiled: dict[str, int]) -> None:
    assert {name: compiled[name] for name in caps.CAPABILITIES} == caps.NUMBERS
    header = Path("/usr/include/linux/capability.h").read_text()
    assert f"#define CAP_LAST_CAP         {caps.CAPABILITIES[-1]}" in header


@pytest.mark.parametrize(("name", "table"), [("finit_module", syscalls.FINIT_MODULE), ("reboot", syscalls.REBOOT)])
def test_system_call_numbers(name: str, table: dict[str, int]) -> None:
    for directory in ("x86_64-linux-gnu", ""):
        path = Path("/usr/include", directory, "asm/unistd_64.h" if directory else "asm-generic/unistd.h")
        machine = "x86_64" if directory else "aarch64"
        if path.exists():  # the one of another architecture is not installed everywhere; the generic one is
            number = re.search(rf"#define\s+__NR_{name}\s+(\d+)", path.read_text())
            assert number
            assert int(number[1]) == table[machine]
