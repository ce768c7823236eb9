"""Benchmarks: what they measure and how to run them is in README.md."""
