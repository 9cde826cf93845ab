"""Kills at each named point, and storms of some size: make test-storms, which .ci/run runs."""
