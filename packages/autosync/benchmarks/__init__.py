"""Benchmarks a reader can run: each compares in one run and prints one JSON line."""
