"""Compile Python sources to sourceless byte code; run by the image's own interpreter, not imported by the build.

usage: compile_sources.py SOURCE TARGET PREFIX. Every `.py` below SOURCE becomes `.pyc` at the same place below TARGET;
PREFIX is the directory on the node, for tracebacks. The files carry a hash that is never checked, because an image has no
times. Trap: a plain `.pyc` beside its package, not in `__pycache__`, is what the import system takes without a source.
"""

import py_compile
import sys
from pathlib import Path


def main(source: Path, target: Path, prefix: str) -> int:
    """Compile all, in order of name; the number of sources that do not compile is the exit status."""
    broken = 0
    for path in sorted(source.rglob("*.py")):
        name = path.relative_to(source)
        out = (target / name).with_suffix(".pyc")
        out.parent.mkdir(parents=True, exist_ok=True)
        try:
            py_compile.compile(
                str(path),
                cfile=str(out),
                dfile=f"{prefix}/{name.as_posix()}",
                doraise=True,
                invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
            )
        except py_compile.PyCompileError as error:
            sys.stderr.write(f"{name}: {error.msg}\n")
            broken += 1
    return min(broken, 100)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
