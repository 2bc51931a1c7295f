"""Participation of an owner in a programme."""
