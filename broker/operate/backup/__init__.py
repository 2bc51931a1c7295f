"""Backup and restore of a whole instance (docs/operations.md, "Backup and restore")."""
