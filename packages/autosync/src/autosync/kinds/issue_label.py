"""Which labels issues and pull requests have, as links to the labels."""

from __future__ import annotations

from django.db import models

from autosync.kinds import _columns as gh
from autosync.kinds._graphql import LABEL_FIELDS
from autosync.kinds._kind import Each, Kind, Within
from autosync.kinds._sets import SetOf


class IssueLabel(SetOf, key=("repository_id", "issue_number", "label_node_id")):
    """One label of an issue or pull request. A label that is renamed keeps its links."""

    issue_number = gh.Number(None, graph=None, about="The number of the issue or pull request.")
    label_node_id = gh.NodeId("node_id", graph="node_id", about="The node id of the label.")

    github = Kind(
        read=Within(
            of=("issue", "pull_request"),
            number="issue_number",
            lists=(Each("labels"),),
            graph="labels",
            fields=LABEL_FIELDS,
            first=100,
        ),
        needs={"issues": "read"},
        clock=None,
    )

    class Meta:
        indexes = [models.Index(fields=["label_node_id"], name="issue_label_by_label")]

    def __str__(self) -> str:
        return f"{self.label_node_id} on #{self.issue_number}"
