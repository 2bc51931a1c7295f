"""Errors, money, ids, clock, settings, database."""
