"""AutoSync keeps a live SQL mirror of everything a GitHub App installation may see."""

__version__ = "0.1.0"
