"""What the API process imports: every module costs time at boot, and memory for ever."""

import subprocess
import sys

FORBIDDEN = {"cryptography", "pyroute2", "psutil", "yaml", "click", "rich", "pyudev", "http.client", "init"}
LIMIT = 350
"""Modules, of which gRPC and asyncio are most (measured: 277 with Python 3.11)."""


def test_server_imports_only_what_it_needs() -> None:
    code = "import sys, api.server.face; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    modules = set(done.stdout.split())
    assert not modules & FORBIDDEN
    assert not {name for name in modules if name.startswith(("controllers.resources", "controllers.config", "api.client"))}
    assert len(modules) < LIMIT
