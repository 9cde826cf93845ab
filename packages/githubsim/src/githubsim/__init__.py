"""githubsim is a GitHub in a box: real HTTP, real git, signed webhooks, honest limits."""

__version__ = "0.1.0"
