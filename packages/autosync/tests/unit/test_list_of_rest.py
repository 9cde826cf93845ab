"""A list of REST is the answer itself, or is in it under a key."""

from __future__ import annotations

from typing import Any

import pytest

from autosync.github import Reply, Unreadable
from autosync.kinds._events import RestList
from autosync.sync.rest_listing import items_of


def _reply(document: Any) -> Reply:
    return Reply(200, {}, b"", "https://api.github.com/repositories/1/actions/runs", None, document)


def test_a_list_may_be_inside_an_envelope() -> None:
    runs = RestList("/actions/runs", lambda _, __: None, items="workflow_runs")
    answer = {"total_count": 2, "workflow_runs": [{"id": 1}, {"id": 2}]}
    assert items_of(runs, _reply(answer)) == [{"id": 1}, {"id": 2}]
    labels = RestList("/labels", lambda _, __: None)
    assert items_of(labels, _reply([{"id": 3}])) == [{"id": 3}]


@pytest.mark.parametrize("document", [[], {"total_count": 0}, {"workflow_runs": None}])
def test_an_envelope_without_its_list_is_no_empty_list(document: Any) -> None:
    with pytest.raises(Unreadable):
        items_of(
            RestList("/actions/runs", lambda _, __: None, items="workflow_runs"), _reply(document)
        )
