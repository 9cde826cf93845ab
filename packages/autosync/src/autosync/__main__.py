"""`python -m autosync`: the same as the console script."""

from autosync.cli import main

if __name__ == "__main__":
    main()
