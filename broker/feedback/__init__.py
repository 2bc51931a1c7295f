"""Hits, unsubscribe, returned mail."""
