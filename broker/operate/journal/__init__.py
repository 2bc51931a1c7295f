"""The journal outside the database: what a restore must not lose (docs/decisions, "The journal")."""
