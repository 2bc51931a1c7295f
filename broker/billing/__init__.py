"""Accrue, invoice, settle, collect, report."""
