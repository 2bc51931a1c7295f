"""Results to owners, sending domains, reputation."""

from __future__ import annotations

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None: ...


def downgrade() -> None: ...
