"""Snapshots, rule tree, counts, disclosure guard."""
