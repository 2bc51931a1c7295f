"""What is looked at before a month is closed, what each finding means, and which of them stand in the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from broker.billing import close_store as store
from broker.kernel.database import UnitOfWork
from broker.kernel.period import require_day
from broker.kernel.settings import Settings

EXAMPLES = 10


@dataclass(frozen=True, slots=True)
class Check:
    """One question and the meaning of its findings, in French and English. `blocks`: the month stays open."""

    code: str
    blocks: bool
    fr: str
    en: str


@dataclass(frozen=True, slots=True)
class Finding:
    """How many things a check found, with the first of them by name."""

    code: str
    blocks: bool
    count: int
    examples: tuple[str, ...]
    fr: str
    en: str


CHECKS = (
    Check(
        "sends_without_outcome",
        True,
        "Des envois sont en cours : on ne sait pas encore s'ils sont à facturer. Attendez la fin du mailing.",
        "Mails are under way: nobody knows yet whether they are billed. Wait until the mailing has ended.",
    ),
    Check(
        "to_settle",
        True,
        "Ces mailings peuvent être facturés et ne le sont pas. Le travail de fond le fait ; sinon voyez les erreurs.",
        "These mailings can be billed and are not. The workers do it; if it lasts, look at their errors.",
    ),
    Check(
        "unmatched_payments",
        True,
        "Des mouvements de banque attendent au compte 471 : dites quelles factures ils paient, ou ce qu'ils sont.",
        "Movements of the bank wait in suspense (471): say which invoices they pay, or what they are.",
    ),
    Check(
        "suspense_left",
        True,
        "Le compte d'attente (471) n'est pas soldé : ces pièces y laissent un reste.",
        "The suspense account (471) is not empty: these pieces leave a rest on it.",
    ),
    Check(
        "unbooked",
        True,
        "Des pièces n'ont pas encore leur écriture. Le travail de fond l'écrit ; sinon voyez les erreurs.",
        "Documents have no entry yet. The workers write it; if it lasts, look at their errors.",
    ),
    Check(
        "unbalanced",
        True,
        "Des écritures ne sont pas équilibrées ou leur numérotation est rompue : la base a été modifiée à la main.",
        "Entries do not balance or their numbers have a gap: the database was changed by hand.",
    ),
    Check(
        "unequal",
        True,
        "Envois, écritures et factures de ces mailings ne disent pas la même somme.",
        "Sends, entries and invoices of these mailings do not say the same sum.",
    ),
    Check(
        "vat_left_waiting",
        True,
        "Des factures payées gardent de la TVA en attente (44574).",
        "Paid invoices still hold VAT that waits (44574).",
    ),
    Check(
        "advance_left",
        True,
        "Des commandes terminées gardent un reste d'acompte (4191).",
        "Finished orders still hold a rest of their advance (4191).",
    ),
    Check(
        "mandate_missing",
        True,
        "La part de ces propriétaires n'est pas facturée : il manque leur mandat de facturation. Enregistrez-le.",
        "The share of these owners is not billed: their mandate to invoice in their name is missing. Record it.",
    ),
    Check(
        "unlike_postings",
        True,
        "Les soldes de ces comptes ne sont pas la somme de leurs écritures : la base a été modifiée à la main.",
        "The balances of these accounts are not the sum of their postings: the database was changed by hand.",
    ),
    Check(
        "contested",
        False,
        "Des factures sont contestées par leur propriétaire : répondez ; elles ne sont pas payées d'ici là.",
        "Documents are contested by their owner: answer; they are not paid until then.",
    ),
    Check(
        "unchecked_vat",
        False,
        "Factures sans TVA à un client de l'Union dont le numéro n'est pas confirmé (VIES) : faites-le vérifier.",
        "Invoices without VAT to a customer in the Union whose number is not confirmed (VIES): have it checked.",
    ),
    Check(
        "earlier_open",
        True,
        "Un mois antérieur est encore ouvert : fermez-le d'abord.",
        "An earlier month is still open: close it first.",
    ),
    Check(
        "gateway_differs",
        True,
        "Des lignes du solde du prestataire de paiement ne sont pas dans les livres : dites ce qu'elles sont.",
        "Lines of the payment gateway's balance are not in the books: say what they are.",
    ),
    Check(
        "pending_payments",
        False,
        "Des paiements demandés n'ont pas encore été encaissés ; ils seront datés du jour de l'encaissement.",
        "Payments asked for have not been captured yet; they will be dated by the day of the capture.",
    ),
    Check(
        "in_freeze",
        False,
        "Envois du mois facturés plus tard : la clôture passe produit et charge (4181, 4081), extournés le 1er.",
        "Sends of the month billed later: the close accrues revenue and cost (4181, 4081), reversed on the 1st.",
    ),
)


def month_findings(
    unit: UnitOfWork, settings: Settings, month: date, made: Callable[[int], object] = lambda _: None
) -> list[Finding]:
    """What stands in the way of closing a month, and what is good to know; an empty list is a clean month.

    `made` is told after each check how many have been made.
    """
    unit.actor.require("accountant", "broker")
    first, last = bounds(month)
    hours = settings.trade.bounce_freeze_hours
    found = []
    for number, check in enumerate(CHECKS, 1):
        names = store.codes(unit, check.code, first, last, hours)
        if names:
            examples = tuple(names[:EXAMPLES])
            found.append(Finding(check.code, check.blocks, len(names), examples, check.fr, check.en))
        made(number)
    return found


def bounds(month: date) -> tuple[date, date]:
    """The first and the last day of a month. Raises `InvalidInput` (`bad_year`)."""
    require_day(month, "month")
    first = month.replace(day=1)
    return first, (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
