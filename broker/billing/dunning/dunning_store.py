"""The only place with the SQL of overdue invoices and their letters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row

from broker.billing.dunning.dunning_model import Debt, Letter, Overdue
from broker.billing.dunning.late_interest import Rates, Terms
from broker.kernel.database import UnitOfWork

# What a customer owes us, or an owner through us: invoices, our fee as the advertiser's agent, late interest; a deposit
# once the debit that paid it came back.
_OWED = (
    "(i.kind IN ('invoice', 'owner_invoice', 'claim') OR i.kind = 'fee' AND i.role = 'agent_of_advertiser'"
    " OR i.kind = 'deposit' AND q.cents IS NOT NULL)"
)
# Few are: what one left is asked for these alone, and not for every invoice that there ever was.
_RETURNED = "i.order_id IN (SELECT p.order_id FROM payment p WHERE p.state = 'returned')"
_DEBTS = f"""
SELECT i.id, i.number, i.kind, i.role, i.issued_on, i.buyer_id, i.total_cents, i.late_rate, i.late_bp, i.due_on,
  CASE WHEN i.kind = 'deposit' THEN 0 ELSE i.total_cents - i.deposit_cents END AS due_cents,
  coalesce(b.name, '') AS buyer, b.code AS buyer_code, b.language,
  n.days, n.cents, coalesce(r.days, '{{}}') AS paid_days, coalesce(r.cents, '{{}}') AS paid_cents,
  coalesce(l.dues, '{{}}') AS letter_dues, coalesce(l.levels, '{{}}') AS letter_levels,
  coalesce(l.days, '{{}}') AS letter_days, h.reason AS held, h.until_on AS held_until, c.until_on AS claimed_until,
  coalesce(c.recovered, false) AS recovered, q.returned_on, q.cents AS claim_cents, q.again_on,
  coalesce(q.under_way, false) AS under_way
FROM invoice i JOIN organisation b ON b.id = i.buyer_id
CROSS JOIN LATERAL (SELECT array_agg(due_on ORDER BY due_on) AS days, array_agg(amount_cents ORDER BY due_on) AS cents
  FROM instalment x WHERE x.invoice_id = i.id) n
CROSS JOIN LATERAL (SELECT array_agg(day) AS days, array_agg(cents) AS cents FROM (
  SELECT r.received_on AS day, s.amount_cents AS cents FROM receipt_share s JOIN receipt r ON r.id = s.receipt_id
  WHERE s.invoice_id = i.id UNION ALL
  SELECT c.issued_on, c.set_off_cents FROM invoice c WHERE c.corrects_id = i.id AND c.set_off_cents > 0) p) r
CROSS JOIN LATERAL (SELECT array_agg(y.due_on ORDER BY y.level) AS dues, array_agg(y.level ORDER BY y.level) AS levels,
  array_agg(t.made_on ORDER BY y.level) AS days
  FROM dunning_line y JOIN dunning_letter t ON t.id = y.letter_id WHERE y.invoice_id = i.id) l
LEFT JOIN dunning_hold h ON h.invoice_id = i.id AND h.ended_at IS NULL AND coalesce(h.until_on, 'infinity') >= :today
CROSS JOIN LATERAL (SELECT max(until_on) AS until_on,
  bool_or(recovery AND (document_id IS NOT NULL OR done_at IS NULL)) AS recovered FROM late_claim k
  WHERE k.invoice_id = i.id) c
LEFT JOIN LATERAL (SELECT * FROM returned_claim(i.id) WHERE {_RETURNED} OFFSET 0) q ON true  -- called for these alone
WHERE {_OWED}
"""  # noqa: S608 - constants
# What the two lists leave of all documents, before anything else is read of one.
_UNPAID = f"""(i.kind IN ('invoice', 'owner_invoice', 'claim', 'fee') AND i.total_cents - i.deposit_cents
  > coalesce((SELECT sum(s.amount_cents) FROM receipt_share s WHERE s.invoice_id = i.id), 0)
  + coalesce((SELECT sum(k.set_off_cents) FROM invoice k WHERE k.corrects_id = i.id), 0) OR {_RETURNED})"""  # noqa: S608 - constants
_PAID_LATE = f"""(i.kind IN ('invoice', 'owner_invoice', 'fee') AND (
  EXISTS (SELECT 1 FROM instalment x WHERE x.invoice_id = i.id)
  OR EXISTS (SELECT 1 FROM receipt_share s JOIN receipt r ON r.id = s.receipt_id WHERE s.invoice_id = i.id
    AND r.received_on > greatest(CAST(:since AS date), i.due_on))
  OR EXISTS (SELECT 1 FROM invoice k WHERE k.corrects_id = i.id AND k.set_off_cents > 0
    AND k.issued_on > greatest(CAST(:since AS date), i.due_on))) OR {_RETURNED})"""  # noqa: S608 - constants
_LETTER = (
    "SELECT l.id, l.code, o.name AS buyer, o.code AS buyer_code, l.level, l.made_on, l.open_cents, l.interest_cents,"
    " l.recovery_cents, l.made_at, (SELECT array_agg(i.number ORDER BY i.id) FROM dunning_line n JOIN invoice i"
    " ON i.id = n.invoice_id WHERE n.letter_id = l.id) AS invoices,"
    " coalesce((SELECT array_agg(m.state ORDER BY m.id) FROM dunning_mail m WHERE m.letter_id = l.id), '{}') AS mails"
    " FROM dunning_letter l JOIN organisation o ON o.id = l.org_id "
)


def debts(unit: UnitOfWork, org_id: int | None = None) -> list[Debt]:
    """Every invoice with something late and open, of one customer or of all."""
    rows = unit.all(
        f"SELECT * FROM ({_DEBTS} AND {_UNPAID} AND (CAST(:org AS bigint) IS NULL OR i.buyer_id = :org)) d"  # noqa: S608 - ours
        " WHERE due_cents + CASE WHEN again_on IS NULL THEN coalesce(claim_cents, 0) ELSE 0 END"
        " > coalesce((SELECT sum(x) FROM unnest(paid_cents) x), 0)"
        " AND least(CASE WHEN kind = 'deposit' THEN NULL ELSE coalesce(days[1], due_on) END, returned_on) < :today"
        " ORDER BY buyer, coalesce(returned_on, due_on), id",
        org=org_id,
        today=unit.today,
    )
    return [_debt(row) for row in rows]


def paid_late(unit: UnitOfWork, since: date) -> list[Debt]:
    """Invoices that were paid after they fell due, the last payment since a day."""
    rows = unit.all(
        f"SELECT * FROM ({_DEBTS} AND {_PAID_LATE}) d WHERE kind <> 'claim'"  # noqa: S608 - constants
        " AND due_cents + CASE WHEN again_on IS NULL THEN coalesce(claim_cents, 0) ELSE 0 END"
        " <= coalesce((SELECT sum(x) FROM unnest(paid_cents) x), 0) AND due_cents + coalesce(claim_cents, 0) > 0"
        " AND greatest((SELECT max(x) FROM unnest(paid_days) x), again_on) > greatest(CAST(:since AS date),"
        "   least(CASE WHEN kind = 'deposit' THEN NULL ELSE coalesce(days[1], due_on) END, returned_on))"
        " ORDER BY buyer, due_on, id",
        since=since,
        today=unit.today,
    )
    return [_debt(row) for row in rows]


def debt(unit: UnitOfWork, number: str) -> Debt | None:
    """An invoice by its number, late or not."""
    row = unit.one(f"{_DEBTS} AND i.number = :number", number=number, today=unit.today)
    return None if row is None else _debt(row)


def customers_late(unit: UnitOfWork) -> list[int]:
    """Whose invoices are late."""
    return sorted({found.buyer_id for found in debts(unit)})


def rates(unit: UnitOfWork) -> Rates:
    """The published rates."""
    rows = unit.all("SELECT kind, since, bp FROM reference_rate ORDER BY since")
    return Rates(
        tuple((row.since, row.bp) for row in rows if row.kind == "ecb"),
        tuple((row.since, row.bp) for row in rows if row.kind == "legal"),
    )


def insert_rate(unit: UnitOfWork, kind: str, since: date, bp: int) -> bool:
    """Keep a rate; False when its half-year has one."""
    return (
        unit.run(
            "INSERT INTO reference_rate (kind, since, bp, set_by) VALUES (:kind, :since, :bp, :user)"
            " ON CONFLICT DO NOTHING",
            kind=kind,
            since=since,
            bp=bp,
            user=unit.actor.user_id,
        ).rowcount
        == 1
    )


def lock_customer(unit: UnitOfWork, org_id: int) -> None:
    """One run at a time writes to a customer."""
    unit.run("SELECT pg_advisory_xact_lock(7203842, CAST(:id AS integer))", id=org_id)


def insert_letter(unit: UnitOfWork, values: dict[str, Any], lines: Sequence[tuple[Debt, Overdue, bool]]) -> int:
    """Keep a letter with what it is about; returns its id."""
    letter_id = int(
        unit.scalar(
            "INSERT INTO dunning_letter (code, org_id, level, language, made_on, open_cents, interest_cents,"
            " recovery_cents, pdf) VALUES (:code, :org_id, :level, :language, :made_on, :open_cents, :interest_cents,"
            " :recovery_cents, :pdf) RETURNING id",
            **values,
        )
    )
    unit.run_many(
        "INSERT INTO dunning_line (letter_id, invoice_id, due_on, level, open_cents, interest_cents, stops)"
        " VALUES (:letter, :invoice, :due, :level, :open, :interest, :stops)",
        [
            {
                "letter": letter_id,
                "invoice": found.id,
                "due": late.due_on,
                "level": late.next_level,
                "open": late.late_cents,
                "interest": late.interest_cents,
                "stops": stops,
            }
            for found, late, stops in lines
        ],
    )
    return letter_id


def insert_mails(unit: UnitOfWork, letter_id: int, org_id: int) -> list[int]:
    """A mail to each person of the customer who logs in; their ids."""
    rows = unit.all(
        "INSERT INTO dunning_mail (letter_id, user_id) SELECT :letter, id FROM app_user WHERE org_id = :org AND active"
        " ORDER BY id RETURNING id",
        letter=letter_id,
        org=org_id,
    )
    return [int(row.id) for row in rows]


def letters(unit: UnitOfWork, number: str = "", limit: int = 200) -> list[Letter]:
    """Letters that the actor may see, the newest first; of one invoice when it is named."""
    rows = unit.all(
        _LETTER  # noqa: S608 - a constant
        + "WHERE (:staff OR l.org_id = :org) AND (:number = '' OR EXISTS (SELECT 1 FROM dunning_line n"
        " JOIN invoice i ON i.id = n.invoice_id WHERE n.letter_id = l.id AND i.number = :number))"
        " ORDER BY l.id DESC LIMIT :limit",
        number=number,
        limit=limit,
        **unit.sight,
    )
    return [Letter(**{**row._mapping, "invoices": tuple(row.invoices), "mails": tuple(row.mails)}) for row in rows]


def letter_pdf(unit: UnitOfWork, code: str) -> bytes | None:
    """A letter's paper."""
    found = unit.scalar(
        "SELECT pdf FROM dunning_letter WHERE code = :code AND (:staff OR org_id = :org)", code=code, **unit.sight
    )
    return None if found is None else bytes(found)


def waiting_mail(unit: UnitOfWork, mail_id: int) -> Row[Any] | None:
    """What a mail that waits needs: its letter, the person, the invoices."""
    return unit.one(
        "SELECT u.email, l.language, l.level, l.code, l.pdf, l.open_cents, (SELECT string_agg(i.number, ', ' ORDER BY"
        " i.id) FROM dunning_line n JOIN invoice i ON i.id = n.invoice_id WHERE n.letter_id = l.id) AS invoices"
        " FROM dunning_mail m JOIN dunning_letter l ON l.id = m.letter_id JOIN app_user u ON u.id = m.user_id"
        " WHERE m.id = :id AND m.state = 'waiting' AND u.active",
        id=mail_id,
    )


def mail_state(unit: UnitOfWork, mail_id: int, before: str, after: str) -> bool:
    """Move a mail; False when another worker did."""
    return (
        unit.run(
            "UPDATE dunning_mail SET state = :after, ended_at = CASE WHEN :after IN ('waiting', 'attempting') THEN NULL"
            " ELSE app_now() END, tries = tries + CASE WHEN :after = 'waiting' THEN 1 ELSE 0 END,"
            " next_at = app_now() + make_interval(mins => 5 * (tries + 1)) WHERE id = :id AND state = :before",
            id=mail_id,
            before=before,
            after=after,
        ).rowcount
        == 1
    )


def give_up_on_the_dead(unit: UnitOfWork) -> None:
    """A mail whose worker died between the relay's words may have left: it is not repeated."""
    unit.run(
        "UPDATE dunning_mail SET state = 'uncertain', ended_at = app_now() WHERE state = 'attempting'"
        " AND next_at < app_now() - interval '15 minutes'"
    )


def ended_of(unit: UnitOfWork, number: str) -> list[Row[Any]]:
    """(code, reason, until_on, held_at, ended_at, by, ended_by) of an invoice's holds, the newest first."""
    return unit.all(
        "SELECT h.code, h.reason, h.until_on, h.held_at, h.ended_at, coalesce(u.name, '') AS by,"
        " coalesce(e.name, '') AS ended_by FROM dunning_hold h JOIN invoice i ON i.id = h.invoice_id"
        " LEFT JOIN app_user u ON u.id = h.held_by LEFT JOIN app_user e ON e.id = h.ended_by"
        " WHERE i.number = :number ORDER BY h.id DESC",
        number=number,
    )


def insert_hold(unit: UnitOfWork, code: str, invoice_id: int, reason: str, until: date | None) -> None:
    """Hold an invoice; one whose last day is over makes room."""
    unit.run(
        "UPDATE dunning_hold SET ended_at = app_now() WHERE invoice_id = :id AND ended_at IS NULL"
        " AND until_on < :today",
        id=invoice_id,
        today=unit.today,
    )
    unit.run(
        "INSERT INTO dunning_hold (code, invoice_id, reason, until_on, held_by) VALUES (:code, :id, :reason, :until,"
        " :user)",
        code=code,
        id=invoice_id,
        reason=reason,
        until=until,
        user=unit.actor.user_id,
    )


def end_hold(unit: UnitOfWork, invoice_id: int) -> bool:
    """End the hold of an invoice; False when none stands."""
    return (
        unit.run(
            "UPDATE dunning_hold SET ended_by = :user, ended_at = app_now() WHERE invoice_id = :id"
            " AND ended_at IS NULL",
            id=invoice_id,
            user=unit.actor.user_id,
        ).rowcount
        == 1
    )


def insert_instalments(unit: UnitOfWork, invoice_id: int, parts: Iterable[tuple[date, int]]) -> None:
    """Agree days for parts of an invoice."""
    unit.run_many(
        "INSERT INTO instalment (invoice_id, due_on, amount_cents, agreed_by) VALUES (:id, :day, :cents, :user)",
        [{"id": invoice_id, "day": day, "cents": cents, "user": unit.actor.user_id} for day, cents in parts],
    )


def has_instalments(unit: UnitOfWork, invoice_id: int) -> bool:
    """Whether days were agreed for parts of an invoice."""
    return unit.one("SELECT 1 FROM instalment WHERE invoice_id = :id", id=invoice_id) is not None


def stopped(unit: UnitOfWork, org_id: int) -> bool:
    """Whether overdue invoices stop a customer's new orders."""
    return bool(unit.scalar("SELECT is_dunned(:org)", org=org_id))


def _debt(row: Row[Any]) -> Debt:
    own = ((row.due_on, int(row.due_cents)),) if row.due_cents else ()
    dues = tuple(zip(row.days, row.cents, strict=True)) if row.days else own
    paid = tuple(zip(row.paid_days, row.paid_cents, strict=True))
    if row.claim_cents is not None and sum(cents for _, cents in dues) <= row.due_cents:
        # what a returned debit left falls due with its return, unless days were agreed for it since
        dues += ((row.returned_on, int(row.claim_cents)),)
    if row.again_on is not None:
        paid += ((row.again_on, int(row.claim_cents)),)
    return Debt(
        id=row.id,
        number=row.number,
        kind=row.kind,
        role=row.role,
        issued_on=row.issued_on,
        buyer_id=row.buyer_id,
        buyer=row.buyer,
        buyer_code=row.buyer_code,
        language=row.language,
        total_cents=row.total_cents,
        dues=dues,
        paid=paid,
        letters=tuple(zip(row.letter_dues, row.letter_levels, row.letter_days, strict=True)),
        terms=Terms(row.late_rate, row.late_bp),
        held=row.held,
        held_until=row.held_until,
        claimed_until=row.claimed_until,
        recovered=row.recovered,
        returned_on=row.returned_on,
        under_way=row.under_way and row.again_on is None,
    )
