"""GraphQL at /graphql: a checked part of GitHub's published schema, with GitHub's limits."""

from githubsim.graphql.endpoint import graphql_endpoint

__all__ = ["graphql_endpoint"]
