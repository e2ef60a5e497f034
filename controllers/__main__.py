"""The brain's entry: `python3 -I -S …/controllers/__main__.pyc`.

Isolated mode leaves everything off `sys.path`, so the tree that this file is in, and the wheels beside it, are put there
first. Collecting garbage while thousands of long-lived objects are imported would only cost boot time, so the brain turns that
on when it has everything.
"""

import gc
import sys
from pathlib import Path


def main() -> None:
    """Run the brain until it is told to stop."""
    tree = Path(__file__).resolve().parent.parent
    sys.path[:0] = [path for path in (str(tree), str(tree / "site-packages")) if path not in sys.path]
    gc.disable()
    from controllers.brain import run_forever

    run_forever()


if __name__ == "__main__":
    main()
