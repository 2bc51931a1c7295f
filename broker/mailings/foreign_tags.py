"""Merge tags of other mailers, understood: authors paste templates that were made for them.

`*|FNAME|*`, `%%FIRST_NAME%%`, `[[data:firstname:"you"]]`, `{{ contact.FIRSTNAME | default: 'you' }}` become ours. What
has no meaning here (a page in an archive, a reward badge) goes; the rest stays as it is and is named as unknown.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

# Names in all spellings, lower-case and without what stands between words → our tag.
_NAMES: Final = {
    **dict.fromkeys(("fname", "firstname", "prenom", "merge1", "givenname"), "first_name"),
    **dict.fromkeys(("lname", "lastname", "nom", "surname", "merge2", "familyname"), "last_name"),
    **dict.fromkeys(("city", "ville", "town"), "city"),
    **dict.fromkeys(
        ("unsub", "unsubscribe", "unsubscribeurl", "unsubscribelink", "unsublink", "unsublinkfr", "unsublinken",
         "updateprofile", "optout", "optouturl", "liendesinscription"), "unsubscribe_url"
    ),
    **dict.fromkeys(("listcompany", "listname", "companyname"), "advertiser_name"),
    **dict.fromkeys(
        ("listaddress", "htmllistaddresshtml", "htmllistaddress", "listaddressline", "listaddresshtml"),
        "advertiser_identity",
    ),
    **dict.fromkeys(("currentyear", "year"), "current_year"),
}  # fmt: skip
# Said by our own legal lines, or about a page that a mail does not have.
_EMPTY: Final = frozenset(
    ("listdescription", "htmlrewards", "rewards", "archive", "forward", "permalink", "viewinbrowser", "mirror",
     "weblink", "webversion", "view", "mcpreviewtext", "rewardsurl", "mcsubject")
)  # fmt: skip
_CASE: Final = re.compile(r"^(?:title|upper|lower|html|url):", re.IGNORECASE)
_CONDITION: Final = re.compile(
    r"\*\|(IF|IFNOT):([^|*<>]{1,60})\|\*((?:(?!\*\|(?:IF|IFNOT):).)*?)\*\|END:IF\|\*", re.IGNORECASE | re.DOTALL
)
_ELSE: Final = re.compile(r"\*\|ELSE(?::|IF:[^|]*)?\|\*", re.IGNORECASE)
_STAR: Final = re.compile(r"\*\|([^|*<>]{1,80})\|\*")
_PERCENT: Final = re.compile(r"%%([A-Za-z_ .]{1,40})%%")
_BRACKET: Final = re.compile(r"\[\[\s*(?:data:|var:)?([A-Za-z_ ]{1,40})(?::\s*(?:\"([^\"\]]*)\"|'([^'\]]*)'))?\s*\]\]")
_BRACES: Final = re.compile(
    r"\{\{\s*(?:contact|params|subscriber|recipient|profile|customer)\.([A-Za-z_]{1,40})"
    r"\s*(?:\|\s*default\s*:?\s*\(?\s*(?:\"([^\"{}]*)\"|'([^'{}]*)')\s*\)?\s*)?\}\}"
)
_BRACES_LINK: Final = re.compile(r"\{\{\s*(unsubscribe(?:_link|_url)?|optout|mirror|view_in_browser)\s*\}\}")
_DEPTH: Final = 20  # of conditions inside one another


def understand(source: str) -> tuple[str, Counter[str]]:
    """The source in our tags, and how many foreign tags were taken out because they say nothing here."""
    dropped: Counter[str] = Counter()
    for _ in range(_DEPTH):
        source, count = _CONDITION.subn(_branch, source)
        if not count:
            break
    for pattern in (_STAR, _PERCENT, _BRACKET, _BRACES, _BRACES_LINK):
        source = pattern.sub(lambda match: _ours(match, dropped), source)
    return source, dropped


def _branch(match: re.Match[str]) -> str:
    """What every reader of ours gets: not in an archive, no rewards; a name may be there or have its default."""
    wanted, *other = _ELSE.split(match[3], maxsplit=1)
    true = _plain(match[2]) not in ("archivepage", "rewards", "translate")
    if match[1].upper() == "IFNOT":
        true = not true
    return wanted if true else "".join(other)


def _ours(match: re.Match[str], dropped: Counter[str]) -> str:
    name = _CASE.sub("", match[1].strip()) if not match[1].lower().startswith("html:list") else match[1]
    plain = _plain(name)
    if plain in _EMPTY or _plain(match[1]) in _EMPTY:
        dropped["merge tag"] += 1
        return ""
    tag = _NAMES.get(plain) or _NAMES.get(_plain(match[1]))
    if tag is None:
        return match[0]
    default = next((group for group in match.groups()[1:] if group), "").strip()
    return f"{{{{{tag}|{default}}}}}" if default else f"{{{{{tag}}}}}"


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
