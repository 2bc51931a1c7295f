"""Bases, consent, import, quality."""
