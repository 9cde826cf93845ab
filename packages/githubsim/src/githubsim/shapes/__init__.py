"""Rows as JSON in GitHub's shape, for REST answers and webhook payloads alike."""

from githubsim.shapes.accounts import GHOST, Json
from githubsim.shapes.commit_comments import CommitCommentShapes
from githubsim.shapes.history import HistoryShapes
from githubsim.shapes.releases import ReleaseShapes


class Shapes(HistoryShapes, ReleaseShapes, CommitCommentShapes):
    """All of them: `Shapes(store, api="http://host:port", web="http://host:port")`."""


__all__ = ["GHOST", "Json", "Shapes"]
