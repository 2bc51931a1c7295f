"""Wiring, supervisor, command line, demo, benchmarks."""
