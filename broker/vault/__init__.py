"""Sealing, opening, blind indices, tokens."""
