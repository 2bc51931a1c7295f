"""The demo's files are the same for the same seed, dirty as promised, and name nobody real."""

from __future__ import annotations

import re
from pathlib import Path

from broker.bases.check import check_file
from broker.operate.demo_files import AS_OF, write_contacts, write_purchases


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        people = write_contacts(tmp_path / f"{name}.csv", 500, 7)
        write_purchases(tmp_path / f"{name}-p.csv", people, 7)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert (tmp_path / "a-p.csv").read_bytes() == (tmp_path / "b-p.csv").read_bytes()
    write_contacts(tmp_path / "c.csv", 500, 8)
    assert (tmp_path / "a.csv").read_bytes() != (tmp_path / "c.csv").read_bytes()


def test_as_many_contacts_are_accepted_as_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "clients.csv"
    write_contacts(file, 3_000, 2)
    result = check_file(file, today=AS_OF)
    assert (result.accepted, result.encoding, result.delimiter) == (3_000, "cp1252", ";")
    assert result.duplicates > 50
    assert 0.85 < result.rentable / result.accepted < 0.99
    assert set(result.reasons) == {"no_email", "invalid_email", "under_digital_consent_age", "too_many_columns"}
    assert [column["header"] for column in result.refused_columns] == ["Religion"]
    assert {"minor", "consent_incomplete"} <= set(result.warnings)


def test_every_address_is_under_a_reserved_domain(tmp_path: Path) -> None:
    file = tmp_path / "clients.csv"
    write_contacts(file, 2_000, 3)
    text = file.read_bytes().decode("cp1252").lower()
    domains = set(re.findall(r"[\w.+-]+@([\w-]+(?:\.[\w-]+)+)", text))
    assert domains
    assert all(domain.endswith((".example", ".test")) for domain in domains)


def test_the_purchase_log_has_habits(tmp_path: Path) -> None:
    people = write_contacts(tmp_path / "clients.csv", 2_000, 2)
    lines = write_purchases(tmp_path / "achats.csv", people, 2)
    rows = [row.split(";") for row in (tmp_path / "achats.csv").read_bytes().decode("cp1252").splitlines()[1:]]
    assert len(rows) == lines
    assert 1.2 < lines / 2_000 < 2.6
    assert 0.02 < sum(row[2].startswith("-") for row in rows) / lines < 0.06
    buyers: dict[str, int] = {}
    for row in rows:
        buyers[row[0]] = buyers.get(row[0], 0) + 1
    counts = list(buyers.values())
    mean = sum(counts) / len(counts)
    spread = sum((count - mean) ** 2 for count in counts) / len(counts)
    assert spread > mean - 1  # wider than Poisson's: rates differ between people
