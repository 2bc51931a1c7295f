"""What other mailers' templates put around text: conditions, links written as elements, comments for their editors.

Read in one pass over the marks: an attack of a million unclosed conditions costs no more than reading it.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Final

from broker.mailings.foreign_names import NAMES, plain

_MARK: Final = re.compile(
    r"\*\|(?P<star>IF|IFNOT):(?P<about>[^|*<>]{1,60})\|\*"
    r"|\{%-?\s*if\s+(?P<test>[^%{}]{1,120}?)\s*-?%\}"
    r"|(?P<other>\*\|ELSE(?::|IF:[^|*]*)?\|\*|\{%-?\s*(?:else|elif|elsif|elseif)\b[^%{}]{0,120}%\})"
    r"|(?P<end>\*\|END:IF\|\*|\{%-?\s*endif\s*-?%\})",
    re.IGNORECASE,
)
_SUBJECT: Final = re.compile(
    r"(?:not\s+)?(?:(?:contact|person|subscriber|recipient|customer|profile|user)\.|(?:data|var):)?"
    r"\$?\{?([\w ]{1,40}?)\}?"
    r"(?:\s*:\s*(?:\"\"|''|&quot;&quot;))?"
    r"(?:\s*(?:!=|<>|is not|is\s+not\s+empty)\s*(?:\"\"|''|&quot;&quot;|empty|none|null|nil|blank)?)?",
    re.IGNORECASE,
)
_NEVER: Final = ("archivepage", "rewards", "translate")  # what no reader of ours is
_ELEMENTS: Final = re.compile(
    r"<(?P<close>/?)(?P<name>unsubscribe|preferences|webversion|forwardtoafriend|currentyear)\b[^>]*>", re.IGNORECASE
)
_UNSUBSCRIBE: Final = re.compile(
    r"\{%-?\s*(?:unsubscribe|manage_preferences)\s+(?:\"([^\"%{}<>]*)\"|'([^'%{}<>]*)')\s*-?%\}", re.IGNORECASE
)
_PAGE: Final = re.compile(
    r"\{%-?\s*(?:web_view|view_in_browser|web_view_link|forward)\b[^%{}<>]{0,120}%\}", re.IGNORECASE
)
_NOTE: Final = re.compile(r"\{#[^{}#]{0,400}#\}|\{\{!--.{0,400}?--\}\}", re.DOTALL)


@dataclass
class _Open:
    """A condition that is being read: whether its text is wanted, and where the wanted text begins."""

    mark: str
    wanted: bool
    known: bool
    at: int
    kept: str = ""


def understand_blocks(source: str, dropped: Counter[str]) -> str:
    """The source without conditions that are decided here, its elements of other mailers as links."""
    source = _conditions(source)
    for pattern in (_PAGE, _NOTE):
        source, count = pattern.subn("", source)
        dropped["merge tag"] += count
    source = _UNSUBSCRIBE.sub(
        lambda found: f'<a href="{{{{unsubscribe_url}}}}">{found[1] or found[2] or ""}</a>', source
    )
    source = _ELEMENTS.sub(lambda found: _element(found, dropped), source)
    return source if dropped["merge tag"] else (dropped.pop("merge tag", 0), source)[1]


def _element(found: re.Match[str], dropped: Counter[str]) -> str:
    name = found["name"].lower()
    if name == "currentyear":
        return "" if found["close"] else "{{current_year}}"
    if name in ("unsubscribe", "preferences"):
        return "</a>" if found["close"] else '<a href="{{unsubscribe_url}}">'
    dropped["merge tag"] += not found["close"]
    return ""


def _conditions(source: str) -> str:
    """Decided are conditions on what every reader of ours is, and on names: a name may be there or has its default."""
    if _MARK.search(source) is None:
        return source
    stack = [_Open("", True, True, 0)]
    for mark in _MARK.finditer(source):
        here = stack[-1]
        text = source[here.at : mark.start()]
        here.kept += text if here.wanted else ""
        here.at = mark.end()
        if mark["end"] and len(stack) > 1:
            stack.pop()
            stack[-1].kept += here.kept if here.known else f"{here.mark}{here.kept}{mark[0]}"
            stack[-1].at = mark.end()
        elif mark["other"] and len(stack) > 1 and here.known:
            here.wanted = not here.wanted and not here.kept
        elif mark["star"] or mark["test"]:
            stack.append(_opened(mark))
        else:
            here.kept += mark[0]
    return _rest(stack, source)


def _opened(mark: re.Match[str]) -> _Open:
    if mark["star"]:
        true = (plain(mark["about"]) not in _NEVER) != (mark["star"].upper() == "IFNOT")
        return _Open(mark[0], true, True, mark.end())
    about = _SUBJECT.fullmatch(mark["test"].strip())
    known = about is not None and plain(about[1]) in NAMES and not mark["test"].lower().startswith("not ")
    return _Open(mark[0], True, known, mark.end())


def _rest(stack: list[_Open], source: str) -> str:
    """What follows the last mark; conditions that were never closed stay as they were, to be named."""
    return "".join(f"{one.mark}{one.kept}" for one in stack) + source[stack[-1].at :]
