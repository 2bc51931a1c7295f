"""What may stay in a message: elements, attributes, the drawing that Outlook reads in conditional comments."""

from __future__ import annotations

import re
from typing import Final

from broker.mailings.html_tokens import words

KEPT: Final = words(
    """a abbr acronym address area article aside b bdi bdo big blockquote body br caption center cite code col colgroup
    dd del details dfn dir div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 head header hgroup hr html i
    img ins kbd li main map mark nav nobr ol p pre q rp rt ruby s samp section small span strike strong sub summary sup
    table tbody td tfoot th thead time tr tt u ul var wbr"""
)
WITH_CONTENT: Final = words(
    """applet audio canvas datalist dialog frameset math object optgroup option portal select svg template"""
)
ATTRIBUTES: Final = words(
    """abbr align alink alt axis bgcolor border bordercolor cellpadding cellspacing class clear color cols colspan
    compact coords datetime dir face frame headers height hidden hspace id lang leftmargin link marginheight marginwidth
    name noshade nowrap reversed role rows rowspan rules scope shape size span start style summary target text title
    topmargin type usemap valign value vlink vspace width"""
)
META_NAMES: Final = frozenset(
    ("viewport", "color-scheme", "supported-color-schemes", "format-detection", "x-apple-disable-message-reformatting")
)
PLAIN_SCHEMES: Final = ("mailto", "tel", "sms")

# Without its name spaces Outlook draws nothing of what stands in conditional comments.
SPACES: Final = {
    "xmlns": "http://www.w3.org/1999/xhtml",
    "xmlns:v": "urn:schemas-microsoft-com:vml",
    "xmlns:o": "urn:schemas-microsoft-com:office:office",
    "xmlns:w": "urn:schemas-microsoft-com:office:word",
}
# In lower case → as Outlook reads it. `xml` carries its settings (dots per inch, PNG).
OUTLOOK: Final = {
    name.lower(): name
    for name in """v:arc v:background v:fill v:group v:image v:line v:oval v:polyline v:rect v:roundrect v:shadow
    v:shape v:shapetype v:stroke v:textbox w:anchorlock o:lock o:p xml o:OfficeDocumentSettings o:AllowPNG
    o:PixelsPerInch o:TargetScreenSize w:WordDocument w:View w:Zoom w:DontUseAdvancedTypographyReadingMail
    w:DoNotOptimizeForBrowser
    """.split()
}
OUTLOOK_ATTRIBUTES: Final = words(
    """adj angle arcsize aspect color color2 colors coordorigin coordsize croptop cropbottom cropleft cropright
    dashstyle fill fillcolor filled focus focusposition focussize from inset insetpen method o:button o:spid on opacity
    opacity2 origin path position recolor rotate size sizes stroke strokecolor stroked strokeweight to type v:ext
    v-text-anchor weight"""
)

# The document's type decides how browsers lay out tables: gaps under images, heights in per cent. Known ones alone.
_TYPE: Final = re.compile(r"<!doctype\s+html\b([^>]*)>", re.IGNORECASE)
_XHTML: Final = "http://www.w3.org/TR/xhtml1/DTD/xhtml1-"
_TYPES: Final = {
    "-//w3c//dtd xhtml 1.0 transitional//en": ("-//W3C//DTD XHTML 1.0 Transitional//EN", f"{_XHTML}transitional.dtd"),
    "-//w3c//dtd xhtml 1.0 frameset//en": ("-//W3C//DTD XHTML 1.0 Transitional//EN", f"{_XHTML}transitional.dtd"),
    "-//w3c//dtd xhtml 1.0 strict//en": ("-//W3C//DTD XHTML 1.0 Strict//EN", f"{_XHTML}strict.dtd"),
    "-//w3c//dtd xhtml 1.1//en": ("-//W3C//DTD XHTML 1.1//EN", "http://www.w3.org/TR/xhtml11/DTD/xhtml11.dtd"),
    "-//w3c//dtd html 4.01 transitional//en": ("-//W3C//DTD HTML 4.01 Transitional//EN", "http://www.w3.org/TR/html4/loose.dtd"),
    "-//w3c//dtd html 4.01//en": ("-//W3C//DTD HTML 4.01//EN", "http://www.w3.org/TR/html4/strict.dtd"),
}  # fmt: skip


def document_type(source: str) -> str:
    """The document type to write for a source: its own where it is a usual one, empty where it has none.

    Empty too where browsers read an old one as if there were none (WHATWG HTML, 13.2.6.4.1: quirks).
    """
    found = _TYPE.search(source[:5_000])
    if found is None:
        return ""
    if "public" not in found[1].lower():
        return "<!DOCTYPE html>"
    quoted = re.findall(r"[\"']([^\"']*)[\"']", found[1])
    known = _TYPES.get(" ".join(quoted[0].lower().split())) if quoted else None
    if known is None or ("4.01 T" in known[0] and len(quoted) < 2):
        return ""
    return f'<!DOCTYPE html PUBLIC "{known[0]}" "{known[1]}">'
