"""`python -m autosync`, and the console script."""

from __future__ import annotations

import gc


def main() -> None:
    # What is imported stays: looking for garbage among it is a tenth of the time until it is there.
    gc.disable()
    from autosync.cli import main as run  # noqa: PLC0415 (after gc.disable)

    gc.freeze()
    gc.enable()
    run()


if __name__ == "__main__":
    main()
