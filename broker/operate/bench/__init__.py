"""Benchmarks: our figure and its named peers, measured in turns in one run."""
