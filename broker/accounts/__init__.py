"""Organisations, users, roles, sessions, API keys."""
