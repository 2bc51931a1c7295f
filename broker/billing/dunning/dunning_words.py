"""What letters about overdue invoices say, in the customer's language; level 1 is the friendliest."""

from __future__ import annotations

from collections.abc import Mapping

TITLES: Mapping[str, Mapping[int, str]] = {
    "fr": {1: "Rappel de paiement", 2: "Relance", 3: "Mise en demeure de payer"},
    "en": {1: "Payment reminder", 2: "Second reminder", 3: "Formal notice to pay"},
}
TEXTS: Mapping[str, Mapping[int, str]] = {
    "fr": {
        1: "Sauf erreur de notre part, les factures ci-dessous sont arrivées à échéance et ne nous sont pas réglées."
        " Si votre virement est en route, ne tenez pas compte de ce courrier. Sinon, merci de nous régler"
        " ces jours-ci.",
        2: "Malgré notre rappel, les factures ci-dessous restent impayées. Merci de les régler sous huit jours, ou de"
        " nous écrire ce qui s'y oppose. Des intérêts de retard courent depuis l'échéance.",
        3: "Malgré nos relances, les factures ci-dessous restent impayées. Nous vous mettons en demeure de nous payer"
        " sous huit jours à compter de la réception de ce courrier. À défaut, nous réclamerons aussi les intérêts de"
        " retard et l'indemnité forfaitaire, et engagerons le recouvrement sans autre avis.",
    },
    "en": {
        1: "Unless we are mistaken, the invoices below have fallen due and have not been paid. If your transfer is on"
        " its way, please ignore this letter. Otherwise we thank you for paying us in the coming days.",
        2: "In spite of our reminder the invoices below are still unpaid. Please pay them within eight days, or write"
        " to us what stands in the way. Late interest has been growing since the due date.",
        3: "In spite of our reminders the invoices below are still unpaid. We give you formal notice to pay us within"
        " eight days of receiving this letter. Failing that we shall also claim the late interest and the fixed"
        " compensation, and have the debt collected without further warning.",
    },
}
STOPPED = {
    "fr": "Tant que ces factures restent impayées, nous ne pouvons plus accepter de nouvelle commande.",
    "en": "While these invoices are unpaid we cannot accept new orders.",
}
LAW = {
    "fr": "Intérêts de retard : code de commerce, article L441-10 ; indemnité forfaitaire de recouvrement de {recovery}"
    " par facture : article D441-5. Ni les uns ni l'autre ne sont soumis à la TVA.",
    "en": "Late interest: French Commercial Code, article L441-10; fixed compensation for recovery costs of {recovery}"
    " an invoice: article D441-5. Neither bears VAT.",
}
AGENT = {
    "fr": "Les factures émises au nom d'un propriétaire sont réclamées en son nom et pour son compte.",
    "en": "Invoices issued in an owner's name are claimed in its name and on its behalf.",
}
RETURNED = {
    "fr": "{invoice} : le prélèvement qui l'avait réglée nous a été repris par votre banque le {day}.",
    "en": "{invoice}: your bank took back on {day} the direct debit that had paid it.",
}
WORDS: Mapping[str, Mapping[str, str]] = {
    "fr": {
        "colon": " :", "day": "Date", "invoice": "Facture", "due": "Échéance",
        "open": "Reste dû", "interest": "Intérêts à ce jour", "sum": "Total à payer", "late": "Jours de retard",
        "pay": "À payer sur le compte", "say": "en indiquant le numéro de la facture", "grown": "Intérêts courus à ce"
        " jour", "recovery": "Indemnité forfaitaire encourue", "claim": "Intérêts de retard",
        "from": "Du", "until": "au", "days": "jours", "rate": "Taux annuel", "amount": "Montant",
        "about": "Sur la facture", "total": "Total (hors champ de la TVA)", "fixed": "Indemnité forfaitaire (D441-5)",
    },
    "en": {
        "colon": ":", "day": "Date", "invoice": "Invoice", "due": "Due date",
        "open": "Still due", "interest": "Interest to date", "sum": "Total to pay", "late": "Days late",
        "pay": "Please pay to the account", "say": "naming the invoice's number", "grown": "Interest grown to date",
        "recovery": "Fixed compensation incurred", "claim": "Late interest", "from": "From",
        "until": "to", "days": "days", "rate": "Rate a year", "amount": "Amount", "about": "On invoice",
        "total": "Total (outside VAT)", "fixed": "Fixed compensation (D441-5)",
    },
}  # fmt: skip
MAIL: Mapping[str, tuple[str, str]] = {
    "fr": (
        "{title} : {invoices}",
        "Bonjour,\n\n{text}\n\nFactures : {invoices}\nReste dû : {open}\n{stopped}\nLe courrier est joint ; vos"
        " factures sont ici : {link}\n\n{company}",
    ),
    "en": (
        "{title}: {invoices}",
        "Hello,\n\n{text}\n\nInvoices: {invoices}\nStill due: {open}\n{stopped}\nThe letter is enclosed; your invoices"
        " are here: {link}\n\n{company}",
    ),
}
