"""Rule text to rule tree: recursive descent, `not` before `and` before `or` (docs/rules.md has the grammar)."""

from __future__ import annotations

import re
import unicodedata

from broker.audience.rule import COMPARISONS, EVERYBODY, LARGEST_DEPTH, UNITS, Rule, Value, clean_rule, join, opposite
from broker.audience.words import Word, rule_fault, split_words
from broker.kernel.errors import InvalidInput

_WHOLE = re.compile(r"0|[1-9][0-9]{0,17}")
_DECIMAL = re.compile(r"(0|[1-9][0-9]{0,14})\.[0-9]{1,15}")
_KILOMETRES = re.compile(r"([0-9]+(?:\.[0-9]+)?)(km)?", re.IGNORECASE)
_HINT = "put a value of several words in quotes, and join conditions with and/or"


def parse_rule(text: str) -> Rule:
    """The tree of a rule; an empty text or `all` is everybody. Raises `bad_rule` with the position."""
    return parse_with_places(text)[0]


def parse_with_places(text: str) -> tuple[Rule, list[int]]:
    """The tree, and the offset in the text of each of its leaves from left to right."""
    return _Parser(text).whole()


def number_or_text(text: str) -> int | float | str:
    """A number only if it would be written back the same, so that 01000 and 1.50 stay what was typed."""
    if _WHOLE.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text) and repr(float(text)) == text:
        return float(text)
    return text


def _names_segment(word: Word) -> bool:
    """Whether this word behind `segment` is a segment's name: else `segment` is a field, as in `segment in (a, b)`."""
    return word.kind == "word" and not word.says("and", "or", "not", "in", "is", "between", "starts", "has")


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = unicodedata.normalize("NFC", text)
        self.words = split_words(self.text)
        self.next = 0
        self.depth = 0
        self.places: list[int] = []

    def whole(self) -> tuple[Rule, list[int]]:
        if self.ended():
            return dict(EVERYBODY), [0]
        rule = self.either()
        if not self.ended():
            raise self.fault(f"expected and, or or the end; {_HINT}")
        return clean_rule(rule), self.places

    @property
    def word(self) -> Word:
        return self.words[self.next]

    def ended(self) -> bool:
        return self.words[self.next].kind == "end"

    def take(self) -> Word:
        word = self.word
        if word.kind != "end":
            self.next += 1
        return word

    def took(self, *keywords: str) -> bool:
        if self.word.says(*keywords):
            self.next += 1
            return True
        return False

    def need(self, keyword: str, why: str) -> None:
        if not self.took(keyword):
            raise self.fault(why)

    def fault(self, why: str) -> InvalidInput:
        return rule_fault(self.text, self.word.at, why)

    def either(self) -> Rule:
        rules = [self.all_of()]
        while self.took("or"):
            rules.append(self.all_of())
        return join("or", rules)

    def all_of(self) -> Rule:
        rules = [self.negated()]
        while self.took("and"):
            rules.append(self.negated())
        return join("and", rules)

    def negated(self) -> Rule:
        turns = False
        while self.took("not"):
            turns = not turns
        rule = self.single()
        return opposite(rule) if turns else rule

    def single(self) -> Rule:
        if self.word.says("("):
            return self.group()
        following = self.words[min(self.next + 1, len(self.words) - 1)]
        if self.word.says("within") and following.says("("):
            return self.within()
        if self.word.says("segment") and (following.kind == "quoted" or _names_segment(following)):
            self.places.append(self.take().at)
            return {"op": "segment", "segment": self.take().text}
        if self.word.says("all") and (following.kind == "end" or following.says("and", "or", ")")):
            self.places.append(self.take().at)
            return dict(EVERYBODY)
        return self.condition()

    def group(self) -> Rule:
        self.depth += 1
        if self.depth > LARGEST_DEPTH:
            raise self.fault(f"parentheses may be nested {LARGEST_DEPTH} deep at most")
        self.take()
        rule = self.either()
        self.need(")", f"expected and, or or ')'; {_HINT}")
        self.depth -= 1
        return rule

    def within(self) -> Rule:
        self.places.append(self.take().at)
        self.take()
        form = "write it as within(15 km of 69001)"
        found = _KILOMETRES.fullmatch(self.word.text)
        if self.word.kind != "word" or found is None:
            raise self.fault(f"expected a distance; {form}")
        at = self.take().at
        if not found[2]:
            self.need("km", f"expected km; {form}")
        self.need("of", f"expected of; {form}")
        kilometres = float(found[1])
        if not 0 < kilometres <= 2_000:
            raise rule_fault(self.text, at, "a distance is more than 0 and at most 2000 km")
        distance = int(kilometres) if kilometres.is_integer() else kilometres
        following = self.words[min(self.next + 1, len(self.words) - 1)]
        if self.word.says("-", "+") or following.says(","):
            return self.around(distance)
        if self.word.kind not in ("word", "quoted"):
            raise self.fault(f"expected a post code; {form}")
        postcode = self.take().text
        self.need(")", f"expected ')'; {form}")
        return {"op": "within", "km": distance, "postcode": postcode}

    def around(self, distance: int | float) -> Rule:
        """The rest of within(5 km of 45.764, 4.8357): latitude and longitude in degrees."""
        form = "write a place as latitude, longitude: within(5 km of 45.764, 4.8357)"
        found: list[int | float] = []
        for most in (90, 180):
            if found:
                self.need(",", f"expected a comma; {form}")
            at = self.word.at
            degrees = self.value()
            if isinstance(degrees, bool) or not isinstance(degrees, int | float) or abs(degrees) > most:
                raise rule_fault(self.text, at, f"expected degrees from -{most} to {most}; {form}")
            found.append(degrees)
        self.need(")", f"expected ')'; {form}")
        return {"op": "within", "km": distance, "lat": found[0], "lon": found[1]}

    def condition(self) -> Rule:
        if self.word.kind not in ("word", "quoted"):
            raise self.fault("expected a field, not, or '('")
        if self.word.says("and", "or", "in", "is", "between"):
            raise self.fault("expected a field before it; put a field of that name in quotes")
        place = self.take()
        field = place.text
        self.places.append(place.at)
        if self.took("is"):
            turned = self.took("not")
            self.need("missing", "expected missing: a field 'is missing' or 'is not missing'")
            rule: Rule = {"op": "missing", "field": field}
            return opposite(rule) if turned else rule
        turned = self.took("not")
        rule = self.test(field, comparisons=not turned)
        return opposite(rule) if turned else rule

    def test(self, field: str, comparisons: bool) -> Rule:
        if comparisons and self.word.says(*COMPARISONS):
            return {"op": self.take().text, "field": field, "value": self.value()}
        if self.took("between"):
            low = self.value()
            self.need("and", "expected and: between takes a lowest and a highest value")
            return {"op": "between", "field": field, "low": low, "high": self.value()}
        if self.took("in"):
            return {"op": "in", "field": field, "values": self.values()}
        if self.took("starts"):
            self.need("with", "expected with: 'starts with'")
            return {"op": "starts with", "field": field, "value": self.value()}
        if self.took("has"):
            return {"op": "has", "field": field, "value": self.value()}
        raise self.fault(
            f'expected a comparison after the field "{field}": = != < <= > >=, between, in, not in, is missing,'
            " starts with or has"
        )

    def values(self) -> list[Value]:
        self.need("(", "expected '(': in takes a list such as (75011, 75012)")
        values = [self.value()]
        while self.took(","):
            values.append(self.value())
        self.need(")", "expected ',' or ')' in the list")
        return values

    def value(self) -> Value:
        if self.took("today"):
            return self.relative_day()
        sign = ""
        if self.word.says("-", "+"):
            sign = self.take().text
            if self.word.kind != "word" or isinstance(number_or_text(self.word.text), str):
                raise self.fault("expected a number after the sign")
        if self.word.kind == "quoted" and not sign:
            return self.take().text
        if self.word.kind != "word" or self.word.says("and", "or", "not"):
            raise self.fault("expected a value")
        text = self.take().text
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        value = number_or_text(text)
        return -value if sign == "-" and not isinstance(value, str) else value

    def relative_day(self) -> Value:
        if not self.word.says("+", "-"):
            return {"today": 0, "unit": "days"}
        sign = -1 if self.take().text == "-" else 1
        amount = number_or_text(self.word.text) if self.word.kind == "word" else ""
        if not isinstance(amount, int) or amount > 100_000:
            raise self.fault("expected a whole number: today - 30 days")
        self.take()
        unit = self.word.text.lower() if self.word.kind == "word" else ""
        unit = unit if unit.endswith("s") else unit + "s"
        if unit not in UNITS:
            raise self.fault("expected days, weeks, months or years")
        self.take()
        return {"today": sign * amount, "unit": unit}
