"""French for refusals about months, files and contests, by code."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

MONEY_SENTENCES = {
    "reason_needed": _("Say in a few words why."),
    "four_eyes": _("Whoever asked cannot say yes as well: another person must."),
    "period_locked": _("This month is locked: it never reopens."),
    "month_running": _("The month is not over yet."),
    "needs_reopening": _("Two persons open a month again: ask for it with a reason."),
    "period_open": _("This month is open already."),
    "later_closed": _("A later month is closed as well: months are opened from the newest back."),
    "reopening_asked": _("Opening this month was asked for already: another person has to answer."),
    "reopening_answered": _("This was answered already."),
    "no_person": _("This needs a person who is logged in."),
    "too_many_files": _("Too many files are being written: wait for one of them."),
    "no_file": _("This file is no longer here: ask for it again."),
    "too_long": _("A sheet of Excel holds 1,048,575 rows: ask for CSV or Parquet."),
    "bad_format": _("This file is not written in that format."),
    "bad_correction": _("A correction takes back between one cent and what is left of the document before VAT."),
    "correction_whole": _("A new document takes the place of one that is taken back whole."),
    "contest_over": _("The days to contest this document are over: it counts as accepted."),
    "contest_standing": _("This document is contested already and waits for an answer."),
    "contest_state": _("This contest has moved on meanwhile: look at its state."),
}
