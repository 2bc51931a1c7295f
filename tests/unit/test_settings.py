"""Settings: the example is complete, and every fault names its key, its line and the way to mend it."""

from __future__ import annotations

import dataclasses
import tomllib
import typing
from pathlib import Path
from typing import Any

import pytest

from broker.kernel import settings as kernel_settings
from broker.kernel.errors import SettingsError
from broker.kernel.settings import Settings, load_settings, parse_settings

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"
HERE = Path("courtier.toml")


def parse(text: str) -> Settings:
    return parse_settings(text.encode(), HERE)


def fault(text: str) -> SettingsError:
    """The refusal of a settings file."""
    with pytest.raises(SettingsError) as refusal:
        parse(text)
    return refusal.value


def keys_of(kind: type[Any]) -> dict[str, Any]:
    """Every key of a settings class, nested as in TOML; a list of tables is shown by its first."""
    found: dict[str, Any] = {}
    for item, hint in typing.get_type_hints(kind).items():
        if item == "source":
            continue
        inner = typing.get_args(hint)[0] if typing.get_origin(hint) is tuple else hint
        found[item] = keys_of(inner) if dataclasses.is_dataclass(inner) else None
    return found


def keys_in(table: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in table.items():
        first = next(iter(value), None) if isinstance(value, list) else value
        found[key] = keys_in(first) if isinstance(first, dict) else None
    return found


def test_the_example_holds_every_key_and_no_other() -> None:
    assert keys_in(tomllib.loads(EXAMPLE.read_text("utf-8"))) == keys_of(Settings)


def test_the_example_says_the_defaults() -> None:
    assert dataclasses.replace(load_settings(EXAMPLE), source=None) == Settings()


def test_no_file_is_the_embedded_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COURTIER_CONFIG", raising=False)
    assert load_settings() == Settings()
    assert parse("") == dataclasses.replace(Settings(), source=HERE)


def test_the_environment_names_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("[web]\nport = 9000\n")
    monkeypatch.setenv("COURTIER_CONFIG", str(tmp_path / "c.toml"))
    assert load_settings().web.port == 9000


def test_one_key_changes_only_itself() -> None:
    changed = parse("[trade]\ncommission_bp = 1500")
    assert dataclasses.replace(changed, source=None) == dataclasses.replace(
        Settings(), trade=dataclasses.replace(Settings().trade, commission_bp=1500)
    )


@pytest.mark.parametrize(
    ("text", "field", "line", "words"),
    [
        ("[web]\nhost = 'x'\nprot = 1", "web.prot", 3, "did you mean 'port'?"),
        ("[wbe]\nport = 1", "wbe", 1, "did you mean 'web'?"),
        ("zzz = 1", "zzz", 1, "known here: "),
        ("[web]\n\n# a comment\nport = '8420'", "web.port", 4, "must be a whole number"),
        ("[web]\nport = true", "web.port", 2, "must be a whole number"),
        ("[web]\nport = 1.5", "web.port", 2, "must be a whole number"),
        ("[instance]\ndemo = 1", "instance.demo", 2, "must be true or false"),
        ("[instance]\ndemo = 'yes'", "instance.demo", 2, "must be true or false"),
        ("[web]\nhost = 1", "web.host", 2, "must be text in quotes"),
        ("[web]\nport = -1", "web.port", 2, "must be at least 0"),
        ("[trade]\nadult_age = 14", "trade.adult_age", 2, "must be at least 15"),
        ("[trade]\nvat_due = 'later'", "trade.vat_due", 2, "must be one of 'receipt', 'invoice'"),
        ("[payment]\ngateway = 'fake'", "payment.gateway", 2, "only with demo = true"),
        ("[instance]\nname = 'My Shop'", "instance.name", 2, "lower-case letters"),
        ("[web]\npublic_url = 'courtier.test/x'", "web.public_url", 2, "https://host"),
        ("web = 3", "web", 1, "must be a table"),
        ("[mail]\nrelays = 3", "mail.relays", 2, "list of tables"),
        ("[mail]\nrelays = []", "mail.relays", 2, "at least one relay"),
        ("[[mail.relays]]\nhost = 'a'\n[[mail.relays]]\nhots = 'b'", "mail.relays.hots", 4, "did you mean 'host'?"),
        ("[[mail.relays]]\ntls = 'maybe'", "mail.relays.tls", 2, "must be one of"),
        ("[source]\nx = 1", "source", 1, "unknown setting"),
    ],
)
def test_a_fault_names_key_line_and_remedy(text: str, field: str, line: int, words: str) -> None:
    error = fault(text)
    assert error.field == field
    assert f"{HERE}, line {line}: {field}: " in error.sentence
    assert words in error.sentence
    assert error.code == "bad_setting"


@pytest.mark.parametrize(
    ("raw", "words"),
    [(b"[web", "not valid TOML"), (b"a = 1\na = 2", "not valid TOML"), (b"\xff\xfe", "not UTF-8")],
)
def test_what_is_no_toml_is_refused_in_a_sentence(raw: bytes, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        parse_settings(raw, HERE)


@pytest.mark.parametrize("name", ["missing.toml", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match=r"cannot be read") as refusal:
        load_settings(tmp_path / name)
    assert str(tmp_path) in refusal.value.sentence


def test_the_fake_gateway_is_taken_in_a_demo() -> None:
    assert parse("[instance]\ndemo = true\n[payment]\ngateway = 'fake'").payment.gateway == "fake"


def test_settings_do_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().web.port = 1  # type: ignore[misc]


def test_no_setting_is_a_secret() -> None:
    names = " ".join(str(keys_of(Settings)).split("'"))
    assert not [word for word in ("password", "secret", "token", "api_key") if word in names]


def test_where_state_and_keys_live(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_settings.os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_STATE_HOME", "/home/anna/.state")
    assert Settings().state_dir == Path("/home/anna/.state/courtier/default")
    assert Settings().key_dir == Settings().state_dir / "keys"
    monkeypatch.setattr(kernel_settings.os, "geteuid", lambda: 0)
    assert Settings().state_dir == Path("/var/lib/courtier/default")
    given = parse("[instance]\nstate_dir = '/srv/c'\n[keys]\ndir = '/srv/keys'")
    assert (given.state_dir, given.key_dir) == (Path("/srv/c"), Path("/srv/keys"))
