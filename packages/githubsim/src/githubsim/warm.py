"""Imported by the process that `githubsim.forks` forks: what every start would do anew."""

import gc
from contextlib import suppress

from githubsim.cli import cli
from githubsim.rest import router

# Not before it parses does typer import what it parses with.
with suppress(Exception):
    cli(["serve", "--clock-speed", "none"], standalone_mode=False)
router()  # compiles the pattern of each path
gc.collect()
gc.freeze()  # shared with the forks as long as nobody writes to it
