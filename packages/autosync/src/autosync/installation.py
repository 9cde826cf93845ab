"""Where this AutoSync was installed from: what its commands are called there, how to add to it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from autosync import __version__

_HERE = Path(__file__).resolve().parent
_IN_A_CHECKOUT = ("packages", "autosync", "src", "autosync")
# The root of the checkout that this code runs from; None if it was installed from a wheel.
CHECKOUT = _HERE.parents[3] if _HERE.parts[-4:] == _IN_A_CHECKOUT else None


def command(arguments: str) -> str:
    """`autosync …` as one types it: a checkout has a launcher at its root."""
    return f"{'./autosync' if CHECKOUT else 'autosync'} {arguments}"


def manage(arguments: str) -> str:
    """The same for Django's commands: a wheel brings no manage.py."""
    return f"{'./manage.py' if CHECKOUT else 'autosync manage'} {arguments}"


def lacks(package: str) -> bool:
    """Whether `package`, of the extra `demo`, is not installed. Imports nothing of it."""
    return find_spec(package) is None


def get_the_extra() -> str:
    """What to do to get what the extra brings, as the end of a sentence.

    From files: the name is not AutoSync's at any package index yet.
    """
    if CHECKOUT:
        return "run `make install`"
    return (
        "install the wheels again with the extra autosync-github[demo]: pip install "
        f"'autosync_github-{__version__}-py3-none-any.whl[demo]' "
        f"githubsim-{__version__}-py3-none-any.whl"
    )
