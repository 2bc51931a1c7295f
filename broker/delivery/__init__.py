"""Claim, compose, sign, transport, outcome."""
