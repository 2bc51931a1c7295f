"""Files as others publish them: dates of several habits, grouped numbers, odd headers; each count is known."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from broker.audience.count_file import count_file, given_rule
from broker.kernel.errors import InvalidInput

TODAY = date(2026, 11, 21)
PASSENGERS = """PassengerId,Survived,Name,Sex,Age,Fare,Cabin
1,0,"Braund, Mr. ""O"" Owen",male,22,7.25,
2,1,"Cumings, Mrs. John",female,38,71.2833,C85
3,1,"Heikkinen, Miss. Laina",female,,7.925,
"""


def counted(folder: Path, content: str, text: str, encoding: str = "utf-8") -> int:
    path = folder / "file.csv"
    path.write_bytes(content.encode(encoding))
    rule, places = given_rule(text)
    return count_file(path, rule, places, TODAY, 256, 1).count


@pytest.mark.parametrize(
    ("content", "text", "expected"),
    [
        (PASSENGERS, "sex = female and survived = 1", 2),
        (PASSENGERS, "Age is missing", 1),
        (PASSENGERS, "not age >= 30", 2),
        (PASSENGERS, 'name starts with "Braund, " and Cabin is missing', 1),
        ('"age";"emp.var.rate";"y"\n30;-1.8;"no"\n39;1.1;"yes"\n', "emp.var.rate < 0 and y = no", 1),
        ("when,n\n12/1/2010 8:26,1\n12/13/2010 18:26,2\n", "when = 2010-12-01", 1),
        ("when;n\n01/12/2010 8:26;1\n13/12/2010;2\n", "when = 2010-12-01", 1),
        ("when\n03/04/2026\n", "when = 2026-04-03", 1),
        ("when\n2026-01-31T10:00:00Z\n2026/2/1 08:00:00.5+01:00\n", "when between 2026-01-31 and 2026-02-01", 2),
        ("when\n99/99/2026\n", 'when = "99/99/2026"', 1),
        ('total,x\n"1,234.50",1\n"12.00",1\n', "total > 1000", 1),
        ('n\n"1,234"\n"2,000"\n', "n > 1000", 2),
        ("n;m\n1,234;1\n2,5;1\n", "n < 2", 1),
        ("n;m\n1 234,5;1\n1\u202f000;1\n", "n > 1000", 1),
        ("n;m\n1.234,5;1\n12;1\n", "n > 1000", 1),
        ("n\n.5\n3\n-1e2\n", "n >= 0.5", 2),
        ("n\n12345678901234567890\n", "n = 12345678901234567890", 1),
        (",mpg\nMazda,21.0\nDatsun,22.8\n", '"column 1" = Datsun and mpg > 22', 1),
        ("a,a,A\n1,2,3\n", "a = 1 and a_2 = 2 and a_3 = 3", 1),
        ("sep=;\na;b\n1;2\n", "b = 2", 1),
        ("charges,x\n 29.85,1\n ,2\n", "charges is missing", 1),
        ("segment,x\ngold,1\nsilver,2\n", "segment = gold or segment in (silver)", 2),
        ("a,b\n", "a = 1", 0),
    ],
)
def test_a_published_files_known_count(tmp_path: Path, content: str, text: str, expected: int) -> None:
    assert counted(tmp_path, content, text) == expected


def test_a_spreadsheets_unicode_text_is_read(tmp_path: Path) -> None:
    assert counted(tmp_path, "a\tb\nété\t2\n", "a = été and b = 2", "utf-16") == 1


@pytest.mark.parametrize(
    ("content", "text", "says"),
    [
        ("a,b\n1,2\n3,4,5\n", "a = 1", "3 fields where the header has 2"),
        ("age\n30\nunknown\n40\n", "age > 30", "1 of its 3 values are no numbers"),
        ("city\nParis\nLyon\n", "city > 3", "what fits: =, !=, in, starts with"),
        ("a\n1\n", "segment seg_1", "A file has no segments"),
        ("Sexe\nF\n", "sex = F", 'did you mean "Sexe"'),
        ("", "a = 1", "is empty"),
        ("PK\x03\x04\0\0", "a = 1", "neither a CSV nor a Parquet file"),
    ],
)
def test_what_cannot_be_counted_is_told_without_the_row(tmp_path: Path, content: str, text: str, says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        counted(tmp_path, content, text)
    assert says in caught.value.sentence
    assert "unknown" not in caught.value.sentence
