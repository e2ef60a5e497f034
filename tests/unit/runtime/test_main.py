"""The brain's entry, in isolated mode, from a tree that is not on any path."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import controllers.__main__ as entry

BRAIN = """
import gc, json, sys
def run_forever():
    import wheel_beside
    print(json.dumps([sys.path[:2], gc.isenabled(), sys.flags.isolated]))
"""


def test_the_entry_finds_its_tree_and_the_wheels_beside_it(tmp_path: Path) -> None:
    tree = tmp_path / "ophite"
    (tree / "controllers").mkdir(parents=True)
    (tree / "site-packages").mkdir()
    shutil.copy(entry.__file__, tree / "controllers" / "__main__.py")
    (tree / "controllers" / "__init__.py").touch()
    (tree / "controllers" / "brain.py").write_text(BRAIN)
    (tree / "site-packages" / "wheel_beside.py").touch()
    argv = [sys.executable, "-I", "-S", str(tree / "controllers" / "__main__.py")]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, cwd="/")
    assert done.stderr == ""
    assert json.loads(done.stdout) == [[str(tree), str(tree / "site-packages")], False, 1]
