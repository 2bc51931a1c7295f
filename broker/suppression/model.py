"""The words of suppression: how far it reaches and why it is there."""

from __future__ import annotations

from typing import Literal

Scope = Literal["everywhere", "base", "advertiser"]
Reason = Literal["opt_out", "objection", "complaint", "hard_bounce", "erasure"]
