"""Invoices that are late: reminders, interest, claims."""
