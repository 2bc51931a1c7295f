"""Settings: a TOML file read into frozen dataclasses.

Every key has a default, so that no file at all is the embedded default. An unknown key, a wrong type or a value out
of range is refused with a sentence that names the key, its line and how to mend it. Secrets never stand here: keys
and passwords live in the state directory's files or in the environment (docs/operations.md).
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
import tomllib
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from broker.kernel.errors import SettingsError


def _at_least(low: int, default: int) -> int:
    value: int = field(default=default, metadata={"min": low})
    return value


def _one_of(default: str, *choices: str) -> str:
    value: str = field(default=default, metadata={"choices": choices})
    return value


@dataclass(frozen=True, slots=True)
class InstanceSettings:
    """Which installation this is, and where its state lives."""

    name: str = "default"
    state_dir: str = ""  # empty: /var/lib/courtier/<name> as root, else ~/.local/state/courtier/<name>
    demo: bool = False  # allows the shared clock to be moved and the payment fake to be used
    journal_dir: str = ""  # empty: journal/ in the state folder; better on another disk (docs/operations.md)
    private_hosts: tuple[str, ...] = ()  # inside hosts that images, calendars and lists may be fetched from


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """An external server; empty means the embedded one. Role URLs are for external servers only."""

    url: str = ""
    web_url: str = ""
    public_url: str = ""
    worker_url: str = ""
    pool_size: int = _at_least(1, 5)


@dataclass(frozen=True, slots=True)
class WebSettings:
    """The pages and the API."""

    host: str = "127.0.0.1"
    port: int = _at_least(0, 8420)
    workers: int = _at_least(1, 2)
    public_url: str = "http://127.0.0.1:8420"  # what mails and pages link to
    trusted_proxies: int = _at_least(0, 0)
    max_upload_mb: int = _at_least(1, 4096)
    login_attempts_per_minute: int = _at_least(1, 10)
    second_factor: str = _one_of("optional", "optional", "staff", "everybody")  # who may not log in without one
    requests_per_minute: int = _at_least(1, 1200)


@dataclass(frozen=True, slots=True)
class AudienceSettings:
    """The process that counts."""

    engine: str = _one_of("duckdb", "duckdb")
    memory_mb: int = _at_least(64, 2048)
    threads: int = _at_least(1, 2)


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """Background processes."""

    processes: int = _at_least(1, 2)
    lease_seconds: int = _at_least(2, 60)
    stalled_after_seconds: int = _at_least(5, 30)


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """One SMTP relay that mail is handed to."""

    host: str = "127.0.0.1"
    port: int = _at_least(1, 25)
    weight: int = _at_least(1, 1)  # its share of the mail beside other relays
    tls: str = _one_of("none", "none", "opportunistic", "encrypt", "required")
    tls_ca: str = ""  # a file of certificates to trust; empty: the system's
    username: str = ""  # the password comes from COURTIER_RELAY_PASSWORD
    connections: int = _at_least(1, 8)  # of each worker


@dataclass(frozen=True, slots=True)
class MailSettings:
    """How mail leaves and comes back."""

    relays: tuple[RelaySettings, ...] = (RelaySettings(port=2525),)
    sending_domain: str = "mail.courtier.test"
    dkim_selector: str = "c2026"
    bounce_domain: str = "bounce.courtier.test"
    seed_domain: str = ""  # of the platform's control mailboxes, received by the same door; empty: the bounce domain
    count_opens: bool = True  # a picture whose address is the campaign's, the same for everybody
    batch: int = _at_least(1, 500)  # sends leased at once
    depth: int = _at_least(1, 1)  # mails per connection and window
    timeout_seconds: int = _at_least(1, 60)
    max_attempts: int = _at_least(1, 6)
    sign_ahead: bool = True  # DKIM signatures of a frozen mailing are made before its hour


@dataclass(frozen=True, slots=True)
class MailinSettings:
    """The door for returned mail."""

    host: str = "127.0.0.1"
    port: int = _at_least(0, 8425)
    max_message_kb: int = _at_least(1, 10_240)
    maildir: str = ""  # a Maildir whose new mail is read as well; empty: none
    imap_host: str = ""  # an IMAP mailbox that is emptied as well; its password: COURTIER_MAILIN_PASSWORD
    imap_port: int = _at_least(1, 993)
    imap_user: str = ""
    imap_folder: str = "INBOX"
    imap_tls: bool = True
    soft_bounces: int = _at_least(1, 5)  # on so many days, with no mail delivered since, an address counts as dead
    soft_bounce_days: int = _at_least(1, 30)  # within so many days
    answer_days: int = _at_least(1, 7)  # a person's letters are answered once in so many days


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """When a mailing that is being sent is warned of, and when it is stopped. Rates in hundredths of a per cent."""

    complaint_warn_bp: int = _at_least(1, 10)
    complaint_stop_bp: int = _at_least(1, 30)
    bounce_warn_bp: int = _at_least(1, 300)
    bounce_stop_bp: int = _at_least(1, 800)
    least_sends: int = _at_least(1, 1_000)  # of fewer mails no rate is said: mailings/small_rates.py
    proofs_per_day: int = _at_least(1, 100)  # proof mails that an organisation may have sent in 24 hours


@dataclass(frozen=True, slots=True)
class ReputationSettings:
    """When mail of a sending domain, over a relay, or to a provider is held. Rates in hundredths of a per cent."""

    window_hours: int = _at_least(1, 24)
    least_mails: int = _at_least(1, 1_000)  # no rate is said of fewer
    complaints_bp: int = _at_least(1, 30)
    hard_bounces_bp: int = _at_least(1, 500)
    blocked_bp: int = _at_least(1, 1_000)  # refused or put off for policy, content or reputation


@dataclass(frozen=True, slots=True)
class ResultSettings:
    """What owners are told of their contacts, and advertisers of objections to them."""

    keep_days: int = _at_least(1, 30)  # results by reference, and hashes, are forgotten after so many days


@dataclass(frozen=True, slots=True)
class KeySettings:
    """Where key files are; empty means `keys/` in the state directory."""

    dir: str = ""


@dataclass(frozen=True, slots=True)
class DisclosureSettings:
    """The three numbers of the guard, and the budget of questions."""

    publication_floor_b2c: int = _at_least(1, 100_000)
    publication_floor_b2b: int = _at_least(1, 5_000)
    smallest_count: int = _at_least(1, 5_000)
    difference_threshold: int = _at_least(1, 1_000)
    rounding: int = _at_least(1, 100)
    questions_per_day: int = _at_least(1, 500)
    questions_per_year: int = _at_least(1, 5_000)

    def floor(self, contact_kind: str) -> int:
        """How many rentable people a card of such contacts (b2c, b2b) needs."""
        return self.publication_floor_b2b if contact_kind == "b2b" else self.publication_floor_b2c


@dataclass(frozen=True, slots=True)
class TradeSettings:
    """Defaults of the trade, each of which an operator may change."""

    commission_bp: int = _at_least(0, 2_000)
    minimum_order: int = _at_least(1, 5_000)
    vat_bp: int = _at_least(0, 2_000)
    vat_due: str = _one_of("receipt", "receipt", "invoice")
    vat_register: str = _one_of("none", "none", "fake", "vies")  # who is asked about VAT numbers of other countries
    mandate_required: bool = True  # nothing is invoiced in an owner's name before its mandate is recorded
    corrections_by: str = _one_of("owner", "owner", "company")  # who issues the credit note on a self-bill
    quote_days: int = _at_least(1, 15)
    option_days: int = _at_least(1, 5)  # how long a placed order keeps its volume on its day before it is approved
    net_floor_bp: int = _at_least(0, 8_500)  # net names: the share of the names run that is paid in any case
    run_charge_cents: int = _at_least(0, 500)  # net names: a thousand of the names run and not paid
    reuse_bp: int = _at_least(1, 5_000)  # a further use, or a re-mail, of the price of a first use
    tolerance_bp: int = _at_least(0, 500)  # by how much a guaranteed volume may fall short
    licence_months: int = _at_least(1, 12)  # how long the uses of a licence may be taken, unless it says otherwise
    make_good_days: int = _at_least(1, 90)  # how long names that are made good may be asked for
    most_options: int = _at_least(1, 3)  # options of one advertiser on quotes of one base at a time
    freeze_hours: int = _at_least(0, 24)  # before a mailing starts, its recipients are drawn
    bounce_freeze_hours: int = _at_least(0, 72)  # a bounce in this window after the send is not billed
    adult_age: int = _at_least(15, 18)
    retention_months: int = _at_least(1, 36)  # customers, from the last that was heard of them
    prospect_retention_months: int = _at_least(1, 36)  # prospects, likewise
    pressure_per_week: int = _at_least(1, 3)
    pressure_per_month: int = _at_least(1, 8)
    notice_days: int = _at_least(0, 30)  # after a notice of new partners, before they may reach whoever got it
    card_quality: int = _at_least(0, 30)  # the base's quality score that a data card needs
    card_consent_bp: int = _at_least(0, 5_000)  # how much of a card's segment must have a whole proof of consent
    contract_required: bool = True  # nothing is imported into a base before its processing contract is recorded
    bulk_read_alert: int = _at_least(1, 1_000)  # rows taken at once that raise an alert in the audit
    upload_retention_hours: int = _at_least(0, 24)  # how long the file of a failed import waits for another try


@dataclass(frozen=True, slots=True)
class PaymentSettings:
    """The gateway of payments. `fake` is the local stand-in, refused outside a demo instance."""

    gateway: str = _one_of("none", "none", "fake", "stripe")  # Stripe's key comes from COURTIER_STRIPE_KEY
    threshold_cents: int = _at_least(0, 5_000)  # owed less than this, an owner is paid on the due date and not before
    iban_wait_hours: int = _at_least(0, 48)  # nothing is paid to a bank account that was proposed more recently
    day_limit_cents: int = _at_least(0, 0)  # approved for payout in one day, at most; 0: no limit
    methods: tuple[str, ...] = ("card",)  # how advertisers pay: card, sepa_debit
    debit: str = _one_of("wait", "wait", "credit")  # an order whose debit is under way waits, or goes on credit
    prenotice_days: int = _at_least(1, 2)  # between telling a payer of a debit and asking for it
    connect: bool = False  # owners may be paid by transfers to accounts of their own at the gateway
    refund_second_cents: int = _at_least(0, 50_000)  # a refund of more needs a second person
    velocity_hours: int = _at_least(1, 24)  # within so many hours, of one organisation, more than the next five alarms:
    velocity_orders: int = _at_least(0, 50)  # 0: no alarm
    velocity_payments: int = _at_least(0, 50)
    velocity_refunds: int = _at_least(0, 5)
    velocity_ibans: int = _at_least(0, 2)  # changes of the bank account
    velocity_payout_cents: int = _at_least(0, 10_000_000)


@dataclass(frozen=True, slots=True)
class DunningSettings:
    """When a customer is written to about what is overdue, in days after the due date, and what late payment costs."""

    reminder_days: int = _at_least(1, 5)  # a friendly reminder
    second_days: int = _at_least(1, 20)  # a reminder
    notice_days: int = _at_least(1, 35)  # a formal notice (mise en demeure)
    gap_days: int = _at_least(1, 7)  # between two steps, at least; none is left out
    stop_level: int = _at_least(0, 3)  # from this step on (1 to 3) new orders stop; 0: never
    rate: str = _one_of("ecb", "ecb", "contract")  # late interest: the ECB's rate and 10 points, or contract_bp
    contract_bp: int = _at_least(0, 0)  # a year, in hundredths of a per cent; never below three times the legal rate


@dataclass(frozen=True, slots=True)
class BooksSettings:
    """Whether the ledger here is the company's whole books, or feeds those of another program."""

    scope: str = _one_of("full", "full", "subledger")
    program: str = _one_of("pennylane", "cegid", "pennylane", "sage")  # whose import file a subledger writes


@dataclass(frozen=True, slots=True)
class PlatformSettings:
    """The approved platform of electronic invoicing; `file` writes to and reads from a folder."""

    kind: str = _one_of("file", "none", "file")
    folder: str = ""  # empty: platform/ in the state folder


@dataclass(frozen=True, slots=True)
class CompanySettings:
    """Who runs the platform: printed on its invoices."""

    name: str = "Courtier SAS"
    siren: str = "732829320"
    vat_number: str = "FR44732829320"
    street: str = "1 rue de la Paix"
    postcode: str = "75002"
    city: str = "Paris"
    country: str = "FR"
    iban: str = ""  # the account that payouts leave from, and that invoices ask to be paid to
    bic: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings. `source` is the file read, or None for the embedded default."""

    instance: InstanceSettings = InstanceSettings()
    database: DatabaseSettings = DatabaseSettings()
    web: WebSettings = WebSettings()
    audience: AudienceSettings = AudienceSettings()
    worker: WorkerSettings = WorkerSettings()
    mail: MailSettings = MailSettings()
    mailin: MailinSettings = MailinSettings()
    watch: WatchSettings = WatchSettings()
    reputation: ReputationSettings = ReputationSettings()
    results: ResultSettings = ResultSettings()
    keys: KeySettings = KeySettings()
    disclosure: DisclosureSettings = DisclosureSettings()
    trade: TradeSettings = TradeSettings()
    payment: PaymentSettings = PaymentSettings()
    dunning: DunningSettings = DunningSettings()
    books: BooksSettings = BooksSettings()
    platform: PlatformSettings = PlatformSettings()
    company: CompanySettings = CompanySettings()
    source: Path | None = None

    @property
    def state_dir(self) -> Path:
        """The folder of this instance's data, keys, sockets and logs."""
        if self.instance.state_dir:
            return Path(self.instance.state_dir).expanduser()
        if os.geteuid() == 0:
            return Path("/var/lib/courtier") / self.instance.name
        home = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
        return Path(home) / "courtier" / self.instance.name

    @property
    def journal_dir(self) -> Path:
        """The folder of the journal that a restore replays."""
        chosen = self.instance.journal_dir
        return Path(chosen).expanduser() if chosen else self.state_dir / "journal"

    @property
    def key_dir(self) -> Path:
        """The folder of key files."""
        return Path(self.keys.dir).expanduser() if self.keys.dir else self.state_dir / "keys"


def load_settings(path: Path | None = None) -> Settings:
    """Read a settings file (or `COURTIER_CONFIG`, or nothing: the embedded default)."""
    if path is None and os.environ.get("COURTIER_CONFIG"):
        path = Path(os.environ["COURTIER_CONFIG"])
    if path is None:
        return Settings()
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"The settings file {path} cannot be read: {error.strerror}.") from None
    return parse_settings(raw, path)


def parse_settings(raw: bytes, path: Path) -> Settings:
    """Check the bytes of a settings file; `path` is for the sentences only."""
    try:
        content = raw.decode("utf-8")
        table = tomllib.loads(content)
    except UnicodeDecodeError:
        raise SettingsError(f"The settings file {path} is not UTF-8 text.") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"The settings file {path} is not valid TOML: {error}.") from None
    reader = _Reader(path, content.splitlines())
    settings: Settings = reader.build(Settings, table, ())
    settings = dataclasses.replace(settings, source=path)
    _check_together(settings, reader)
    return settings


def _check_together(settings: Settings, reader: _Reader) -> None:
    strange = [one for one in settings.payment.methods if one not in ("card", "sepa_debit")]
    if strange or not settings.payment.methods:
        raise reader.fault(("payment", "methods"), "name some of card, sepa_debit")
    if settings.payment.gateway == "fake" and not settings.instance.demo:
        raise reader.fault(("payment", "gateway"), "'fake' takes no real money and is allowed only with demo = true")
    if settings.trade.vat_register == "fake" and not settings.instance.demo:
        raise reader.fault(("trade", "vat_register"), "'fake' asks nobody and is allowed only with demo = true")
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,30}", settings.instance.name):
        raise reader.fault(("instance", "name"), "use 1 to 31 lower-case letters, digits, '-' or '_'")
    if not re.fullmatch(r"https?://[^/\s]+", settings.web.public_url):
        raise reader.fault(("web", "public_url"), "write it as https://host or http://host:port, without a path")
    steps = settings.dunning
    if not steps.reminder_days < steps.second_days < steps.notice_days:
        raise reader.fault(("dunning", "second_days"), "the steps follow one another: reminder, second, notice")
    if not settings.mail.relays:
        raise reader.fault(("mail", "relays"), "name at least one relay")


class _Reader:
    """Builds dataclasses from TOML tables, remembering where each key stands for the sentences."""

    def __init__(self, path: Path, lines: list[str]) -> None:
        self.path = path
        self.lines = lines

    def build(self, kind: type[Any], table: dict[str, Any], trail: tuple[str, ...]) -> Any:
        hints = typing.get_type_hints(kind)
        known = {item.name: item for item in dataclasses.fields(kind) if item.name != "source"}
        values: dict[str, Any] = {}
        for key, value in table.items():
            here = (*trail, key)
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                hint = f"did you mean '{near[0]}'?" if near else f"known here: {', '.join(sorted(known))}"
                raise self.fault(here, f"unknown setting; {hint}")
            values[key] = self.value(hints[key], value, here, known[key].metadata)
        return kind(**values)

    def value(self, hint: Any, value: Any, here: tuple[str, ...], rules: typing.Mapping[str, Any]) -> Any:
        if dataclasses.is_dataclass(hint):
            if not isinstance(value, dict):
                raise self.fault(here, f"must be a table, written [{'.'.join(here)}]")
            return self.build(typing.cast("type[Any]", hint), value, here)
        if typing.get_origin(hint) is tuple:
            inner = typing.get_args(hint)[0]
            if not isinstance(value, list):
                written = 'texts, written ["…", "…"]' if inner is str else f"tables, written [[{'.'.join(here)}]]"
                raise self.fault(here, f"must be a list of {written}")
            return tuple(self.value(inner, item, here, {}) for item in value)
        if (
            isinstance(hint, types.UnionType)
            or not isinstance(value, hint)
            or isinstance(value, bool) != (hint is bool)
        ):
            names = {str: "text in quotes", int: "a whole number", bool: "true or false"}
            raise self.fault(here, f"must be {names[hint]}, not {value!r}")
        if "min" in rules and value < rules["min"]:
            raise self.fault(here, f"must be at least {rules['min']}, not {value}")
        if "choices" in rules and value not in rules["choices"]:
            raise self.fault(here, f"must be one of {', '.join(map(repr, rules['choices']))}, not {value!r}")
        return value

    def fault(self, here: tuple[str, ...], why: str) -> SettingsError:
        line = self.line(here)
        where = f"{self.path}, line {line}" if line else str(self.path)
        end = "" if why.endswith("?") else "."
        return SettingsError(f"{where}: {'.'.join(here)}: {why}{end}", field=".".join(here))

    def line(self, here: tuple[str, ...]) -> int | None:
        """The first line that sets this key, found by its section header and name."""
        section = ""
        wanted = ".".join(here[:-1])
        for number, line in enumerate(self.lines, start=1):
            header = re.match(r"\s*\[+\s*([^\]]+?)\s*\]+", line)
            if header:
                section = header.group(1).strip()
                if section == ".".join(here):
                    return number
            elif section == wanted and re.match(rf"\s*\"?{re.escape(here[-1])}\"?\s*=", line):
                return number
        return None
