"""Storms of some size (make test-storms, which .ci/run runs); make test has a small one."""
