"""Data cards and programmes."""
