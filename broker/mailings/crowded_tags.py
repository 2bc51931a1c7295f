"""Tags with so many attributes that a parser takes minutes over them: each one is compared with all before it.

A megabyte of `<a x1 x2 x3 …>` holds a hundred thousand attributes, and takes a minute. So attributes are counted before
anything is parsed, tag by tag as the tokenizer of WHATWG HTML (13.2.5) reads them, in time proportional to the source.
"""

from __future__ import annotations

import re
from typing import Final

from broker.mailings.html_tokens import words

_NEXT: Final = re.compile(r"<(?:!--(?:-?>|.*?(?:--!?>|\Z))|([a-z][^\s/>]*+))", re.DOTALL | re.IGNORECASE)
_ATTRIBUTE: Final = re.compile(
    r"""[\s/]*+(?:=?[^\s/>=]++|=)(?:\s*+=\s*+(?:"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z)|[^\s>"'][^\s>]*+)?)?"""
)
_RAW: Final = words("iframe noembed noframes script style textarea title xmp")
_DRAWING: Final = re.compile(r"<(?:svg|math)\b", re.IGNORECASE)
_ONE_OF_THEM: Final = words("body html")  # a second one adds its attributes to the first


def crowded(source: str, most: int) -> bool:
    """Whether an element has more than `most` attributes.

    Contents of style sheets and the like are left out; where there is a drawing, in which they are markup, counted too.
    """
    if _counted(source, most, raw=_RAW):
        return True
    return _DRAWING.search(source) is not None and _counted(source, most, raw=frozenset())


def _counted(source: str, most: int, raw: frozenset[str]) -> bool:
    at, of_document = 0, 0
    unclosed: set[str] = set()  # from here on: looked for once
    while (found := _NEXT.search(source, at)) is not None:
        at = found.end()
        if found[1] is None:
            continue
        name, count = found[1].lower(), 0
        while (attribute := _ATTRIBUTE.match(source, at)) is not None and attribute.end() > at:
            at, count = attribute.end(), count + 1
            if count + of_document * (name in _ONE_OF_THEM) > most:
                return True
        if name in _ONE_OF_THEM:
            of_document += count
        elif name in raw and name not in unclosed:
            end = re.compile(rf"</{name}", re.IGNORECASE).search(source, at)
            if end is None:
                unclosed.add(name)
            else:
                at = end.start()
    return False
