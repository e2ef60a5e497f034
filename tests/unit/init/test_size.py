"""PID 1 stays small: its lines, and what its two stages import."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

INIT = Path(__file__).parents[3] / "init"
TRACE = """
import json, sys
sys.path.insert(0, sys.argv[1])
before = set(sys.modules)
import {module}
print(json.dumps(sorted(set(sys.modules) - before)))
"""
# The contract with the image (docs/architecture.md): what of the standard library the initramfs holds.
STAGE1_STDLIB = """
encodings abc codecs collections contextlib copyreg ctypes enum functools genericpath io json keyword operator os posixpath re
reprlib stat struct types typing _collections_abc _weakrefset weakref warnings
"""
EXTENSIONS = {
    "_ctypes",
    "_json",
    "_struct",
    "_typing",
    "fcntl",
}  # in lib-dynload or in the interpreter
MODULES_LIMIT = 120  # of PID 1 after boot, ours included


def imported(module: str) -> set[str]:
    argv = [sys.executable, "-I", "-S", "-c", TRACE.format(module=module), str(INIT.parent)]
    names: list[str] = json.loads(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)
    return set(names)


@pytest.mark.parametrize(("pattern", "limit"), [("*.py", 1500), ("linux/*.py", 1400)])
def test_lines(pattern: str, limit: int) -> None:
    lines = sum(len(path.read_text().splitlines()) for path in INIT.glob(pattern))
    assert 0 < lines <= limit


def test_stage_1_imports_only_what_the_initramfs_holds() -> None:
    modules = imported("init.__main__, init.initramfs")
    assert {name.partition(".")[0] for name in modules} - {
        "init",
        *STAGE1_STDLIB.split(),
        *EXTENSIONS,
        *sys.builtin_module_names,
    } == set()


def test_pid_1_imports_little_and_only_the_standard_library() -> None:
    modules = imported("init.__main__, init.initramfs, init.boot, init.supervisor")
    assert {name.partition(".")[0] for name in modules} - {"init"} <= sys.stdlib_module_names
    assert not {"dataclasses", "inspect", "pathlib", "subprocess", "logging", "asyncio", "hashlib"} & modules
    assert len(modules) <= MODULES_LIMIT
