"""Sentences about a base's quality, made of figures."""

from __future__ import annotations

from flask_babel import gettext as _

from broker.bases.quality_advice import Advice
from web.http.display import number
from web.http.words import word


def advice_sentence(advice: Advice) -> str:
    """What would raise a part of the score, as one sentence."""
    people = number(advice.contacts)
    if advice.part == "completeness":
        return _("Fill “%(field)s” for %(people)s contacts.", field=word(advice.what), people=people)
    sentences = {
        "consent": _("Collect a whole proof of consent from %(people)s contacts.", people=people),
        "quarantine": _("Show the broker the proofs of a source in quarantine: %(people)s contacts.", people=people),
        "partner": _("Ask %(people)s contacts for consent to a partner list that names somebody.", people=people),
        "minor": _("%(people)s contacts are minors: nothing raises this but time.", people=people),
        "suppression": _("%(people)s contacts left or are suppressed: their wish stands.", people=people),
        "retention": _("%(people)s contacts gave no sign of life within the retention period.", people=people),
        "stale": _("Wake %(people)s contacts: no purchase, activity or click for a year.", people=people),
        "bounced": _("Correct or drop addresses: %(people)s mails bounced.", people=people),
        "complained": _("Write less often or closer to what was promised: %(people)s complaints.", people=people),
    }
    return sentences.get(advice.what, f"{word(advice.what)}: {people}")
