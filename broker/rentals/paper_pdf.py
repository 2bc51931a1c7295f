"""The PDF of a quote or an order."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from broker.kernel.clock import PARIS
from broker.kernel.money import BASIS_POINTS, format_cents, micros_to_cents
from broker.kernel.sheet import count_text, day_text, facts, heading, paragraph, rate_text, row, start, two_columns
from broker.rentals.paper_model import OrderPaper
from broker.rentals.paper_words import WORDS
from broker.rentals.signature_model import Signature


def paper_pdf(paper: OrderPaper, made_at: datetime) -> bytes:
    """The paper as PDF/A-3u, in its reader's language."""
    words, language, order = WORDS[paper.language], paper.language, paper.order
    title = f"{words['quote' if paper.is_quote else 'order']} {order.code}"
    pdf: Any = start(title, language, made_at)
    pdf.set_xmp_metadata(_xmp(title, paper.company.name, made_at))
    made = f"{words['made']} {day_text(made_at.astimezone(PARIS).date(), language)}"
    if paper.is_quote:
        made += f" · {words['valid']} {day_text(order.valid_until.astimezone(PARIS).date(), language)}"
    row(pdf, made)
    pdf.ln(4)
    sides = [(words[name], (side.name, *side.rows)) for name, side in
             (("broker", paper.company), ("advertiser", paper.advertiser))]  # fmt: skip
    two_columns(pdf, sides)
    about = [(words[name], value) for name, value in
             (("agency", paper.agency), ("payer", paper.payer if paper.agency else ""),
              ("purchase_order", paper.purchase_order)) if value and paper.reader == "advertiser"]  # fmt: skip
    facts(pdf, about)
    heading(pdf, words["what"])
    facts(pdf, _ordered(paper, words))
    heading(pdf, words["price"])
    facts(pdf, _priced(paper, words))
    if paper.creative is not None:
        heading(pdf, words["message"])
        named = f"{paper.creative.name} ({paper.creative.code})"
        facts(pdf, [(words["creative"], named), (words["bat"], _grouped(paper.creative.content_hash))])
    heading(pdf, words["conditions"])
    paragraph(pdf, words["conditions_text"])
    if paper.creative is not None:
        heading(pdf, words["signature"])
        hashed = [(words["hash"], _grouped(paper.content_hash))] if paper.content_hash else []
        facts(pdf, [*hashed, *_signed(paper.signature, words, language)])
        if paper.signature is None:
            paragraph(pdf, words["unsigned"])
    return bytes(pdf.output())


def _ordered(paper: OrderPaper, words: dict[str, str]) -> list[tuple[str, str]]:
    order, language = paper.order, paper.language
    rows = [
        (words["card"], f"{order.card_title} ({order.card_code})"),
        (words["selection"], order.select_rule_text or words["whole_card"]),
        (words["volume"], f"{count_text(order.volume, language)} {words['names']}"),
    ]
    use = words["one_use"]
    if order.uses > 1 and order.use_until is not None:
        use = words["uses"].format(uses=order.uses, until=day_text(order.use_until, language))
    rows.append((words["use"], use))
    if order.remail_who:
        rows.append((words["remail"], words[f"remail_{order.remail_who}"]))
    day = words["no_day"] if order.send_on is None else day_text(order.send_on, language)
    rows.append((words["send_on"], day))
    missing = words["up_to"]
    if order.shortfall == "guaranteed":
        remedy = words[order.remedy or "credit"]
        missing = words["guaranteed"].format(tolerance=rate_text(order.tolerance_bp, language), remedy=remedy)
    rows.append((words["shortfall"], missing))
    return rows


def _priced(paper: OrderPaper, words: dict[str, str]) -> list[tuple[str, str]]:
    order, language = paper.order, paper.language

    def thousand(micros: int) -> str:
        return format_cents(micros_to_cents(micros * 1_000), language)

    rows = []
    if paper.reader == "advertiser" and order.discount_bp:
        rows.append((words["list_cpm"], thousand(order.list_price_micros)))
        rows.append((words["discount"], rate_text(order.discount_bp, language)))
    rows.append((words["cpm"], thousand(order.price_micros)))
    if order.uses > 1:
        rows.append((words["reuse_cpm"], thousand(order.reuse_price_micros)))
    if order.net_names:
        terms = words["net_names_terms"].format(
            floor=rate_text(order.net_floor_bp, language), run=thousand(order.run_micros)
        )
        rows.append((words["net_names"], terms))
    rows.append((words["net"], format_cents(order.net_cents, language)))
    if paper.reader == "owner":
        commission = order.commission_bp or 0
        share = format_cents(order.net_cents * (BASIS_POINTS - commission) // BASIS_POINTS, language)
        hint = words["share_hint"].format(commission=rate_text(commission, language))
        return [*rows, (words["share"], f"{share} {hint}")]
    rows.append((f"{words['vat']} {rate_text(order.vat_bp, language)}", format_cents(order.vat_cents, language)))
    rows.append((words["total"], format_cents(order.total_cents, language)))
    return rows


def _signed(signature: Signature | None, words: dict[str, str], language: str) -> list[tuple[str, str]]:
    if signature is None:
        return []
    at = signature.signed_at.astimezone(PARIS)
    return [
        (words["signed_by"], words["signed_for"].format(name=signature.signer_name, org=signature.signer_org)),
        (words["signed_at"], words["at"].format(day=day_text(at.date(), language), time=f"{at:%H:%M:%S}")),
        (words["proof"], words[signature.proof]),
    ]


def _grouped(digits: str) -> str:
    """A long hash in groups of eight, so that it can be read and breaks over lines."""
    return " ".join(digits[place : place + 8] for place in range(0, len(digits), 8))


def _xmp(title: str, author: str, at: datetime) -> str:
    """The metadata by which a PDF/A says what it is (ISO 19005-3)."""
    safe = [text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") for text in (title, author)]
    moment = at.strftime("%Y-%m-%dT%H:%M:%S+00:00")
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/"><pdfaid:part>3</pdfaid:part>'
        '<pdfaid:conformance>U</pdfaid:conformance></rdf:Description><rdf:Description rdf:about=""'
        f' xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title><rdf:Alt><rdf:li xml:lang="x-default">{safe[0]}'
        f"</rdf:li></rdf:Alt></dc:title><dc:creator><rdf:Seq><rdf:li>{safe[1]}</rdf:li></rdf:Seq></dc:creator>"
        '</rdf:Description><rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/">'
        f"<xmp:CreateDate>{moment}</xmp:CreateDate></rdf:Description></rdf:RDF></x:xmpmeta>"
    )
