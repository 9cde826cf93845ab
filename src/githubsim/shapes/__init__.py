"""Rows as JSON in GitHub's shape, for REST answers and webhook payloads alike."""

from githubsim.shapes.accounts import GHOST, Json
from githubsim.shapes.releases import ReleaseShapes
from githubsim.shapes.reviews import ReviewShapes


class Shapes(ReviewShapes, ReleaseShapes):
    """All of them: `Shapes(store, api="http://host:port", web="http://host:port")`."""


__all__ = ["GHOST", "Json", "Shapes"]
