"""Own mailings: goals, variants, triggers, held-out groups."""

from __future__ import annotations

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None: ...


def downgrade() -> None: ...
