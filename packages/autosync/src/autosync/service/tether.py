"""Run another package as a child of ours: `python -m autosync.service.tether PACKAGE …`.

The simulator and the product do not know each other; only the lifeline is added here.
"""

from __future__ import annotations

import runpy
import sys

from autosync.service import lifeline

if __name__ == "__main__":
    lifeline.hold()
    name = sys.argv[1]
    sys.argv = sys.argv[1:]
    runpy.run_module(name, run_name="__main__", alter_sys=True)
