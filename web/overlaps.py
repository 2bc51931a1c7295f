"""How much segments share: sizes, pairs, every combination; within an owner's base, and across bases for the broker."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request

from broker.bases.find_base import find_base
from broker.catalogue.compare_segments import Overlap, compare_segments, list_comparable
from broker.catalogue.overlap_segments import MOST_SEGMENTS, overlap_segments
from broker.catalogue.segment_life import segment_lines
from broker.kernel.errors import CourtierError
from web.http.session import for_roles
from web.http.work import front, unit

pages = Blueprint("overlaps", __name__)


@pages.get("/bases/<base_code>/segments/overlap")
@for_roles("owner")
def show(base_code: str) -> str:
    """Two to six segments of a base beside each other."""
    chosen = list(dict.fromkeys(request.args.getlist("s")))
    refusal: CourtierError | None = None
    answer: dict[str, Any] | None = None
    with unit() as work:
        base = find_base(work, base_code)
        lines = segment_lines(work, base_code)
    if len(chosen) > 1:
        try:
            with unit() as work:
                answer = overlap_segments(work, front().audience, base_code, chosen)
        except CourtierError as error:
            refusal = error
    return render_template(
        "segments/overlap.html",
        base=base,
        lines=lines,
        chosen=chosen,
        answer=answer,
        refusal=refusal,
        most=MOST_SEGMENTS,
    )


@pages.get("/overlaps")
@for_roles("broker")
def across() -> str:
    """Segments of different bases beside each other, for the broker: guarded figures, everybody counted once."""
    chosen = list(dict.fromkeys(request.args.getlist("s")))
    refusal: CourtierError | None = None
    answer: Overlap | None = None
    with unit() as work:
        lines = list_comparable(work)
    if len(chosen) > 1:
        try:
            with unit() as work:
                answer = compare_segments(work, front().audience, chosen)
        except CourtierError as error:
            refusal = error
    return render_template("segments/across.html", lines=lines, chosen=chosen, answer=answer, refusal=refusal)
