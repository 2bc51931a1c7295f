"""Style sheets written into the elements they mean, so that mail programmes without sheets show the same message.

What cannot be written there stays a sheet: media queries, `:hover`, the selectors by which authors reach one mail
programme. An inline style beats a sheet, whatever their order was: so what stays is made `!important` where the sheet
alone decided before, and loses to what the author wrote in the element itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, TypedDict

import css_inline

from broker.mailings.css_rules import Rule, declarations, rules


class _Local(TypedDict):
    """Options of the inliner that keep it from the network."""

    keep_link_tags: bool
    load_remote_stylesheets: bool


# External sheets are never fetched; their tags stay for us to report.
_LOCAL: Final = _Local(keep_link_tags=True, load_remote_stylesheets=False)
_SHEET: Final = re.compile(r"<style\b([^>]*)>(.*?)</style\s*>", re.IGNORECASE | re.DOTALL)
_MEDIA: Final = re.compile(r"\bmedia\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>]+))", re.IGNORECASE)
_ALWAYS: Final = re.compile(r"\s*(?:all|screen)?\s*(?:,.*\bscreen\b\s*)?", re.IGNORECASE).fullmatch
_TAG: Final = re.compile(r"<([a-z][\w:-]*+)((?:\"[^\"]*\"|'[^']*'|[^<>\"'])*+)>", re.IGNORECASE)
_ATTRIBUTE: Final = re.compile(r"\b(style|class|id)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>\"']+))", re.IGNORECASE)
# By these authors reach one mail programme; they match nothing in the message as it was written.
_PROGRAMMES: Final = re.compile(
    r"externalclass|readmsgbody|outlook|gmail|yshortcuts|data-ogs|messageviewbody|msgbody|x-apple|moz-text|\bim\b|[\[+~]",
    re.IGNORECASE,
)
_CONDITIONS: Final = ("@media", "@supports", "@container", "@layer")
_LAST: Final = re.compile(r"#([\w-]+)|\.([\w-]+)|^([a-z][\w-]*)", re.IGNORECASE)
_IMPORTANT: Final = re.compile(r"!\s*important\s*$", re.IGNORECASE)


@dataclass
class Styled:
    """`html` as a browser's parser reads it; `yielding`: properties whose inlined `!important` a media query beats."""

    html: str
    yielding: frozenset[str] = frozenset()
    malformed: bool = False


@dataclass
class _Written:
    """Properties that the author wrote in elements themselves, by what selects these: name, `.class`, `#id`."""

    by_key: dict[str, set[str]] = field(default_factory=dict)
    important: set[str] = field(default_factory=set)

    def has(self, selector: str, name: str) -> bool:
        """Whether an element that the selector's last part may mean decides the property itself."""
        last = re.split(r"[\s>+~]+", selector.strip())[-1] if selector.strip() else ""
        keys = [f"#{found[1]}" if found[1] else f".{found[2]}" if found[2] else found[3].lower()
                for found in _LAST.finditer(last.partition(":")[0])]  # fmt: skip
        props = self.by_key.get(min(keys, key=lambda key: "#.".find(key[0]) % 3)) if keys else None
        return any(_touch(name, one) for one in props or ())


def inline_sheets(source: str) -> Styled:
    """The document with its sheets inlined where they can be; never fails, never asks the network."""
    source = _SHEET.sub(_conditional, source)
    try:
        html = css_inline.CSSInliner(keep_style_tags=True, remove_inlined_selectors=True, **_LOCAL).inline(source)
    except css_inline.InlineError:
        html = css_inline.CSSInliner(inline_style_tags=False, keep_style_tags=True, **_LOCAL).inline(source)
        return Styled(html, malformed=True)
    if "<style" not in html:
        return Styled(html)
    written = _written(source)
    beaten: set[str] = set()
    html = _SHEET.sub(lambda found: _left(found[2], written, beaten), html)
    return Styled(html, frozenset(beaten - written.important))


def _conditional(sheet: re.Match[str]) -> str:
    """A sheet for some media becomes a media query: the inliner would give its rules to everybody."""
    media = _MEDIA.search(sheet[1])
    wanted = next((group for group in media.groups() if group), "") if media else ""
    if _ALWAYS(wanted) or re.search(r"[{}<>;]", wanted):
        return f"<style>{sheet[2]}</style>"
    css = re.sub(r"<!--|-->", "", sheet[2])
    return f"<style>@media {wanted}{{{css}}}</style>"


def _left(css: str, written: _Written, beaten: set[str]) -> str:
    """What stays of a sheet after inlining."""
    kept = []
    for rule in rules(css):
        if rule.body is None:
            kept.append(rule.text)
        elif rule.prelude.lower().startswith(_CONDITIONS):
            kept.append(_stronger(rule, written, beaten))
        elif rule.prelude.startswith("@"):
            kept.append(rule.text)
        elif ":" in rule.prelude:
            kept.append(_stronger(rule, written, set()))
        elif _PROGRAMMES.search(rule.prelude):
            kept.append(rule.text)
    return f"<style>{''.join(kept)}</style>" if kept else ""


def _stronger(rule: Rule, written: _Written, beaten: set[str]) -> str:
    """The rule with its declarations strong enough to be heard beside inline styles."""
    body = rule.body or ""
    if rule.prelude.lower().startswith(_CONDITIONS):
        inner = (
            one.text if one.body is None or one.prelude.lower().startswith(("@font", "@key", "@-", "@page"))
            else _stronger(one, written, beaten)
            for one in rules(body)
        )  # fmt: skip
        return f"{rule.prelude}{{{''.join(inner)}}}"
    lines = []
    for name, value in declarations(body):
        if _IMPORTANT.search(value):
            beaten.add(name)
        elif not any(written.has(selector, name) for selector in rule.prelude.split(",")):
            value = f"{value} !important"
        lines.append(f"{name}:{value}")
    return f"{rule.prelude}{{{';'.join(lines)}}}"


def _written(source: str) -> _Written:
    found = _Written()
    for tag in _TAG.finditer(source):
        given = {name.lower(): double or single or bare for name, double, single, bare in _ATTRIBUTE.findall(tag[2])}
        if "style" not in given:
            continue
        keys = [tag[1].lower(), *(f".{one}" for one in given.get("class", "").split())]
        keys += [f"#{given['id']}"] if given.get("id") else []
        for name, value in declarations(given["style"]):
            for key in keys:
                found.by_key.setdefault(key, set()).add(name)
            if _IMPORTANT.search(value):
                found.important.add(name)
    return found


def _touch(one: str, other: str) -> bool:
    """Whether two properties decide the same: `padding` and `padding-left`."""
    return one == other or one.startswith(f"{other}-") or other.startswith(f"{one}-")
