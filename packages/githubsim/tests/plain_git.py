"""Git as everybody runs it, for tests of githubsim."""

import os
import subprocess
from pathlib import Path


def git(*args: str, cwd: Path, fails: bool = False) -> str:
    env = dict(os.environ) | {"GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["git", *args], cwd=cwd, capture_output=True, text=True, check=False, env=env
    )
    assert (done.returncode != 0) == fails, done.stderr
    return done.stderr if fails else done.stdout.strip()
