"""Reads that lag are as old as asked: never fresher, and hardly older."""

import time
from pathlib import Path

from githubsim.store import Store

LAG = 0.4


def lagging(store: Store) -> str | None:
    with store.lagging():
        return store.setting("n")


def test_what_is_read_is_as_old_as_the_lag(tmp_path: Path) -> None:
    store = Store(tmp_path / "world.db")
    store.set_setting("n", "0")
    store.lag(LAG)
    written = [0.0]
    end = time.monotonic() + 4 * LAG
    while time.monotonic() < end:
        written.append(time.monotonic())
        store.set_setting("n", str(len(written) - 1))
        asked = time.monotonic()
        seen = int(lagging(store) or 0)
        answered = time.monotonic()
        # Not fresher: it was written long enough ago.
        assert written[seen] <= answered - LAG
        # Not older, but for the grain: what came next was written not much longer ago.
        if seen + 1 < len(written):
            assert written[seen + 1] > asked - LAG - LAG / 20 - 0.3
        time.sleep(0.002)
    assert int(lagging(store) or 0) > 0
    time.sleep(LAG)
    assert lagging(store) == store.setting("n") == str(len(written) - 1)
    store.close()


def test_without_a_lag_all_reads_are_of_the_present(tmp_path: Path) -> None:
    store = Store(tmp_path / "world.db")
    store.lag(LAG)
    store.set_setting("n", "1")
    store.set_setting("n", "2")
    assert lagging(store) is None
    store.lag(0)
    assert not store.lags
    assert lagging(store) == "2"
    store.close()


def test_a_lagging_read_leaves_nothing_behind(tmp_path: Path) -> None:
    store = Store(tmp_path / "world.db")
    account = store.create_account("before", at=1)
    store.lag(LAG)
    store.rename_account(account.id, "after")
    count = "SELECT count(*) FROM accounts"
    store.create_account("second", at=1)
    with store.lagging():
        old = store.account(account.id)
        assert old is not None
        assert old.login == "before"
        assert store.value(count) == 1
    new = store.account(account.id)
    assert new is not None
    assert new.login == "after"
    assert store.value(count) == 2
    store.close()
