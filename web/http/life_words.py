"""Words for the codes of a base's life: quality, enrichment, costs, retention, audits, register, requests, breaches."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

LIFE_WORDS = {
    # a base over time
    "part_rentable": _("What can be rented"),
    "part_completeness": _("Completeness"),
    "part_freshness": _("Freshness"),
    "part_bounces": _("Few bounces"),
    "part_complaints": _("Few complaints"),
    "aged_purchase": _("Purchase"),
    "aged_activity": _("Consent or visit"),
    "aged_click": _("Click or message"),
    "age_never": _("never"),
    "has_phone": _("telephone"),
    "has_street": _("street address"),
    "unknown_contact": _("not in the base"),
    "cost_monthly": _("every month"),
    "cost_once": _("once"),
    # retention: the last that was heard of somebody
    "heard_purchase": _("purchase"),
    "heard_visit": _("visit"),
    "heard_click": _("click"),
    "heard_message": _("message"),
    "heard_consent": _("consent"),
    "heard_import": _("nothing since the first import"),
    # what was read in bulk
    "read_import": _("rejected rows of an import"),
    "read_register": _("register of processing"),
    "read_contact": _("single contacts of a base"),
    # consent audits
    "proof_complete": _("complete"),
    "proof_doubtful": _("doubtful"),
    "proof_missing": _("missing"),
    # register, requests, breaches
    "basis_legal_obligation": _("legal obligation"),
    "basis_legitimate_interest": _("legitimate interest"),
    "basis_vital_interest": _("vital interest"),
    "basis_public_task": _("public task"),
    "basis_consent": _("consent"),
    "basis_contract": _("contract"),
    "request_access": _("access"),
    "request_correction": _("correction"),
    "request_erasure": _("erasure"),
    "request_objection": _("objection"),
    "request_portability": _("portability"),
    "request_restriction": _("restriction"),
    "answer_granted": _("granted"),
    "answer_partly": _("granted in part"),
    "answer_not_found": _("nobody found"),
    "answer_refused": _("refused"),
    "breach_confidentiality": _("confidentiality: seen by others"),
    "breach_integrity": _("integrity: changed"),
    "breach_availability": _("availability: lost"),
    "risk_unknown": _("not judged yet"),
    "risk_none": _("no risk: nobody is told"),
    "risk_risk": _("a risk: the authority is told"),
    "risk_high": _("a high risk: the people are told, too"),
}
