"""Join a programme with a base, be taken or refused, leave it; read what one joined."""

from __future__ import annotations

from broker.affiliation import store
from broker.affiliation.model import Participation
from broker.affiliation.withdraw import find_participation, withdraw_send
from broker.audit.record import record
from broker.catalogue.offer_model import join_rules_of
from broker.catalogue.programmes import Programme, find_programme
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.kernel.ids import new_code
from broker.kernel.paging import Page, offset
from broker.notifications.notify import notify


def join_programme(
    unit: UnitOfWork, programme_code: str, base_code: str, *, terms_version: int | None = None
) -> Participation:
    """Take part in a programme with a base of any size; nothing is sent by joining. Joining again changes nothing.

    The owner accepts the programme's terms, in `terms_version` where it names one (else those of now). Where the
    advertiser chooses whom it takes, this asks; its rules may refuse at once. Raises `Conflict` (`programme_closed`,
    `terms_changed`, `refused_by_rule`: the owner's own), `NotFound`.
    """
    unit.actor.require("owner")
    programme = find_programme(unit, programme_code)
    base_id = store.base_of(unit, base_code, unit.actor.org)
    if base_id is None:
        raise NotFound(f"There is no base {base_code!r} of yours.", field="base")
    if programme.state != "open" or programme.ends_on < unit.today:
        raise Conflict("This programme is closed.", code="programme_closed")
    if terms_version not in (None, programme.terms_version):
        raise Conflict("The programme's terms have changed since: read them again.", code="terms_changed")
    rule = store.refused_by_rules(unit, base_id, programme.advertiser_id, programme.sector)
    if rule:
        raise Conflict(f"Your own rule “{rule}” refuses this advertiser or sector.", code="refused_by_rule")
    state, answer = _state_of(unit, programme, base_id)
    code = new_code("part")
    fresh = store.insert_participation(
        unit,
        code=code,
        programme_id=programme.id,
        advertiser_id=programme.advertiser_id,
        owner_id=unit.actor.org,
        base_id=base_id,
        joined_by=unit.actor.user_id,
        state=state,
        terms_version=programme.terms_version,
        answer=answer,
    )
    joined = store.participation_of(unit, programme.id, base_id)
    assert joined is not None
    if not fresh and joined.state == "withdrawn":
        again = "requested" if programme.joining == "case_by_case" else "joined"
        store.set_state(unit, joined.id, again, terms_version=programme.terms_version)
        fresh = True
    if fresh:
        action = "programme.joined" if state == "joined" else "programme.asked"
        record(unit, action, "participation", joined.code, programme=programme_code, base=base_code, state=state)
    joined = find_participation(unit, joined.code)
    if fresh and joined.state == "requested":
        notify(
            unit, "programme.join_asked", programme.advertiser_id, programme.code, owner=joined.owner_name,
            programme=programme.title,
        )  # fmt: skip
    return joined


def answer_request(unit: UnitOfWork, code: str, *, accept: bool, reason: str = "") -> Participation:
    """The advertiser takes a base into its programme, or refuses it with a reason; a base that takes part can be
    refused later, too: what it picked already still leaves. Raises `Conflict` (`not_requested`)."""
    unit.actor.require("advertiser")
    found = find_participation(unit, code)
    if not accept and not reason.strip():
        raise InvalidInput("Say why: the owner reads it.", code="missing_reason", field="reason")
    state = "joined" if accept else "refused"
    if found.state == "withdrawn":
        raise Conflict("The owner has left this programme.", code="not_requested")
    moved = store.set_state(
        unit, found.id, state, answer=reason.strip()[:500], answered_at=unit.now, answered_by=unit.actor.user_id
    )
    if moved:
        record(unit, f"participation.{'accepted' if accept else 'refused'}", "participation", code, reason=reason)
        answer = reason.strip() or ("accepted" if accept else "refused")
        notify(unit, "participation.answered", found.owner_id, code, programme=found.programme_title, answer=answer)
    return find_participation(unit, code)


def leave_programme(unit: UnitOfWork, code: str) -> Participation:
    """Take part no more: sends of which nothing has left are taken back, those under way go on."""
    unit.actor.require("owner")
    found = find_participation(unit, code)
    if found.state == "withdrawn":
        return found
    for send in store.waiting_sends(unit, found.id):
        try:
            withdraw_send(unit, send)
        except Conflict as error:
            if error.code != "already_sending":
                raise
    store.set_rule(unit, found.id, None, volume=None, days=None, until=None)
    store.set_state(unit, found.id, "withdrawn")
    record(unit, "programme.left", "participation", code)
    return find_participation(unit, code)


def accept_terms(unit: UnitOfWork, code: str, version: int) -> Participation:
    """Accept the programme's changed terms, in the version that was read (`Conflict` `terms_changed` else)."""
    unit.actor.require("owner")
    found = find_participation(unit, code)
    if version != found.programme_terms_version:
        raise Conflict("The programme's terms have changed since: read them again.", code="terms_changed")
    store.accept_terms(unit, found.id, version)
    record(unit, "programme.terms_accepted", "participation", code, version=version)
    return find_participation(unit, code)


def _state_of(unit: UnitOfWork, programme: Programme, base_id: int) -> tuple[str, str]:
    """The state that a fresh participation begins in, and the words of a refusal by the advertiser's rules."""
    if programme.joining == "open":
        return "joined", ""
    rules = join_rules_of(programme.join_rules)
    size, sector, owner = store.facts_of_base(unit, base_id)
    if owner in rules.refused_owners:
        return "refused", "refused_owner"
    if rules.least_contacts is not None and size < rules.least_contacts:
        return "refused", "too_small"
    if rules.sectors and sector not in rules.sectors:
        return "refused", "other_sector"
    return "requested", ""


def list_participations(unit: UnitOfWork, page: int = 1, size: int = 50, *, programme: str = "") -> Page[Participation]:
    """What an owner joined, who takes part in an advertiser's programmes, or all of it for the broker."""
    found = store.participations_page(unit, size, offset(page, size), programme)
    return Page(found, store.count_participations(unit, programme), page, size)
