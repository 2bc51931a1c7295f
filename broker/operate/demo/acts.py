"""The acts of the demo, in order. Each goes through the doors that users use, and adds to the result."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from broker.kernel import clock
from broker.kernel.errors import CourtierError, IntegrityFault
from broker.kernel.money import format_cents
from broker.operate.demo.cast import CREATIVE_HTML, OWNER_BASE, SMALL_BASE
from broker.operate.demo.door import PageDoor
from broker.operate.demo.instance import SMALL_BASE_CONTACTS
from broker.operate.demo.scene import Scene, follow_mailing, import_file
from broker.operate.demo_files import write_contacts, write_purchases
from broker.operate.recipients import simulate_recipients


def write_files(scene: Scene) -> None:
    """The owners' files, as shops really export them today. The same seed and day write the same bytes."""
    as_of = _today(scene)
    scene.folder.mkdir(parents=True, exist_ok=True)
    small = min(SMALL_BASE_CONTACTS, max(200, scene.contacts // 10))
    for name, contacts, seed in (("clients", scene.contacts, scene.seed), ("bijou", small, scene.seed + 1)):
        file = scene.folder / f"{name}.csv"
        people = write_contacts(file, contacts, seed, as_of)
        write_purchases(scene.folder / f"{name}-achats.csv", people, seed)
        scene.stages.say(f"{file.name}: {file.stat().st_size / 1e6:,.1f} MB, cp1252, separated by ';'")


def import_base(scene: Scene) -> None:
    """The owner publishes its partner list, imports contacts and purchases, and reads what was refused."""
    door = scene.door("owner")
    door.post("/bases", code=OWNER_BASE, name="Clients Maison Lumière", sector="home")
    _record_contract(scene, "owner", OWNER_BASE)
    advertiser = scene.cast["advertiser"]
    partners = [{"name": advertiser.org_name, "advertiser": advertiser.org_code, "sector": "fashion"}]
    door.post(f"/bases/{OWNER_BASE}/partner-lists", partners=partners)
    run = import_file(scene, "owner", OWNER_BASE, "contacts", scene.folder / "clients.csv")
    summary = run["summary"]
    scene.result.update(
        contacts_read=run["rows_read"],
        contacts_accepted=run["accepted"],
        contacts_rejected=run["rejected"],
        duplicates=run["duplicates"],
    )
    scene.stages.say(
        f"{run['rows_read']:,} rows: {run['accepted']:,} accepted ({run['rentable']:,} rentable), "
        f"{run['rejected']:,} rejected, {run['duplicates']:,} duplicates"
    )
    for column in summary["refused_columns"]:
        scene.stages.say(f"column refused: {column['header']} ({column['why']})")
    rejects = door.get(f"/imports/{run['code']}/rejects", page=1)
    for reject in rejects["items"][:3]:
        shown = " ".join(str(value) for value in reject["masked"].values() if value)[:60]
        scene.stages.say(f"rejected line {reject['line']}: {', '.join(reject['reasons'])}  [{shown}]")
    bought = import_file(scene, "owner", OWNER_BASE, "purchases", scene.folder / "clients-achats.csv")
    scene.stages.say(f"{bought['accepted']:,} purchases matched to contacts")


def _record_contract(scene: Scene, player: str, base: str) -> None:
    """Without the processing contract (art. 28 GDPR) nothing is imported."""
    scene.door(player).post(
        f"/bases/{base}/contracts",
        reference=f"Contrat de sous-traitance {base}",
        signatory="La direction",
        signed_on=_today(scene).isoformat(),
    )


def publish(scene: Scene) -> None:
    """Count a rule, see a small card refused, publish the large one."""
    door = scene.door("owner")
    narrow = door.post(f"/bases/{OWNER_BASE}/segments", name="Femmes de Paris", rule="gender = F and department = 75")
    sheet = {"sector": "home", "cpm_cents": 2700, "minimum_order": scene.settings.trade.minimum_order}
    try:
        door.post("/cards", segment=narrow["code"], title="Parisiennes", description="", selects=[], **sheet)
    except CourtierError as refusal:
        if refusal.code != "under_floor":
            raise
        scene.stages.say(f"refused, as it must be: {refusal.sentence}")
    else:
        raise IntegrityFault("A card under the publication floor was published.", code="demo_floor")
    rule = "age >= 18 or age is missing"
    count = door.post(f"/bases/{OWNER_BASE}/count", rule=rule)
    scene.result["segment_size"] = count["count"]
    scene.stages.say(f"{rule}: {count['count']:,} contacts, {count['rentable']:,} after exclusions")
    segment = door.post(f"/bases/{OWNER_BASE}/segments", name="Clients de la maison", rule=rule)
    card = door.post(
        "/cards",
        segment=segment["code"],
        title="Amateurs de décoration et d'art de vivre",
        description="Clients d'une maison de décoration, acheteurs en magasin et en ligne.",
        selects=[
            {"field": "gender", "label": "Sexe", "surcharge_micros": 3000},
            {"field": "age", "label": "Âge", "surcharge_micros": 2000},
            {"field": "department", "label": "Département", "surcharge_micros": 3000},
        ],
        **sheet,
    )
    scene.known["card"] = card["code"]
    scene.result["card_size_shown"] = card["size_shown"]
    scene.stages.say(f"published as {card['code']}: {card['size_shown']:,} contacts shown")


def add_seeds(scene: Scene) -> None:
    """Each party's control address: it gets every mailing that concerns the party, unpriced."""
    for player in ("owner", "small", "advertiser", "broker"):
        scene.door(player).post("/seeds", address=f"controle@{player}.temoins.test")


def book(scene: Scene) -> None:
    """The advertiser searches, counts, signs its message and orders; the owner approves; the payment is taken."""
    door, owner = scene.door("advertiser"), scene.door("owner")
    add_seeds(scene)
    found = door.get("/cards", q="décoration")["items"]
    card = next(item for item in found if item["code"] == scene.known["card"])
    wanted = "gender = F"
    shown = door.post(f"/cards/{card['code']}/count", select_rule=wanted)["shown"]
    scene.stages.say(f"count desk: {wanted}: about {shown:,} contacts")
    step = scene.settings.disclosure.rounding  # orders are for round volumes, so that no invoice betrays a size
    volume = min(scene.volume, shown) // step * step
    order = door.post("/quotes", card=card["code"], volume=volume, select_rule=wanted, send_on=None)
    scene.stages.say(f"quote {order['code']}: {volume:,} names, {format_cents(order['net_cents'])} net")
    creative = _signed_creative(scene, "Les jours dorés", "Les jours dorés : -30 % sur l'hiver")
    door.post(f"/orders/{order['code']}/order", creative=creative)
    owner.post(f"/orders/{order['code']}/approve")
    scene.stages.say("approved by the owner")
    door.post(f"/orders/{order['code']}/pay")
    order = door.follow(
        f"/orders/{order['code']}", lambda state: state["state"] not in ("approved", "paid"), lambda state: None
    )
    scene.stages.say("prepaid through the local fake of Stripe (no money moves)")
    scene.known["order"] = order["code"]


def _signed_creative(scene: Scene, name: str, subject: str) -> str:
    door = scene.door("advertiser")
    creative = door.post(
        "/creatives", name=name, subject=subject, from_name="Manteaux de Paris", language="fr", html=CREATIVE_HTML
    )
    door.post(f"/creatives/{creative['code']}/sign")
    return str(creative["code"])


def send(scene: Scene) -> None:
    """Freeze and send the order over SMTP to the sink."""
    mailing = _mailing_of(scene, "rental")
    report = follow_mailing(scene, "owner", mailing)
    scene.known["mailing"] = mailing
    counts = report["counts"]
    scene.result["frozen"] = report["frozen"]
    for state in ("accepted", "refused", "deferred", "withheld", "uncertain"):
        scene.result[state] = counts.get(state, 0)
    scene.result["seeds"] = report["seeds"]
    scene.stages.say(
        f"frozen {report['frozen']:,}: accepted {counts.get('accepted', 0):,}, refused {counts.get('refused', 0):,}, "
        f"withheld {counts.get('withheld', 0):,}, uncertain {counts.get('uncertain', 0):,}"
    )


def _mailing_of(scene: Scene, kind: str) -> str:
    def newest(answer: Any) -> str | None:
        return next((item["code"] for item in answer["items"] if item["kind"] == kind), None)

    player = "owner" if kind == "rental" else "small"
    answer = scene.door(player).follow("/mailings", lambda state: newest(state) is not None, lambda state: None)
    code = newest(answer)
    assert code is not None
    return code


def react(scene: Scene) -> None:
    """Recipients read their mail: clicks, scanners, one-click unsubscriptions, returned mail."""
    _pass(scene, timedelta(minutes=40))
    scene.stages.say("the demo's clock moves by 40 minutes: people do not read their mail in the second it comes")
    counts = simulate_recipients(scene.settings, scene.folder / "sink", seed=scene.seed)
    report = scene.door("owner").follow(
        f"/mailings/{scene.known['mailing']}",
        lambda state: state["bounced"] >= counts["bounced"] and _clicks(state) >= _clicks(counts),
        lambda state: None,
    )
    scene.result.update(
        hits=report["hits"],
        scanner_hits=report["scanner_hits"],
        unsubscribed=report["unsubscribed"],
        bounced=report["bounced"],
    )
    scene.stages.say(
        f"{report['hits']:,} human clicks, {report['scanner_hits']:,} by scanners, {report['unsubscribed']:,} left, "
        f"{report['bounced']:,} bounced"
    )


def _pass(scene: Scene, time: timedelta) -> None:
    """Let time pass for every process at once; the database allows it to a demo only."""
    with scene.database.begin() as unit:
        clock.advance(unit.session, time)


def _clicks(counts: Any) -> int:
    return int(counts["hits"]) + int(counts["scanner_hits"])


def affiliate(scene: Scene) -> None:
    """A base under the floor joins a programme on the page, picks one send, and it leaves the same way."""
    advertiser, small = scene.door("advertiser"), scene.door("small")
    today = _today(scene)
    programme = advertiser.post(
        "/programmes",
        title="Manteaux d'hiver",
        description="Campagne d'hiver au mille",
        sector="fashion",
        cpm_cents=2000,
        budget_cents=500_000,
        creative=_signed_creative(scene, "Programme d'hiver", "Les jours dorés, avec votre bijoutier"),
        starts_on=today.isoformat(),
        ends_on=(today + timedelta(days=60)).isoformat(),
    )
    small.post("/bases", code=SMALL_BASE, name="Clients de l'Atelier", sector="jewellery")
    _record_contract(scene, "small", SMALL_BASE)
    company = scene.cast["advertiser"]
    small.post(
        f"/bases/{SMALL_BASE}/partner-lists", partners=[{"name": company.org_name, "advertiser": company.org_code}]
    )
    run = import_file(scene, "small", SMALL_BASE, "contacts", scene.folder / "bijou.csv")
    import_file(scene, "small", SMALL_BASE, "purchases", scene.folder / "bijou-achats.csv")
    segment = small.post(f"/bases/{SMALL_BASE}/segments", name="Tous", rule="all")
    page = PageDoor(scene.address)
    page.log_in(scene.cast["small"].email, scene.cast["small"].password)
    page.submit(f"/programmes/{programme['code']}", f"/programmes/{programme['code']}/join", base=SMALL_BASE)
    joined = small.get("/participations")["items"][0]
    page.submit(
        f"/participations/{joined['code']}",
        f"/participations/{joined['code']}/sends",
        segment=segment["code"],
        volume=max(1, run["rentable"] // 2),
        send_on=today.isoformat(),
    )
    report = follow_mailing(scene, "small", _mailing_of(scene, "affiliate"))
    scene.result["affiliate_accepted"] = report["counts"].get("accepted", 0)
    scene.stages.say(f"{scene.result['affiliate_accepted']:,} mails accepted for the programme")


def _today(scene: Scene) -> Any:
    with scene.database.begin() as unit:
        return unit.today


def settle(scene: Scene) -> None:
    """Three days pass on the shared clock; mailings are settled, invoiced and shared; the sums must be equal."""
    hours = scene.settings.trade.bounce_freeze_hours + 1
    _pass(scene, timedelta(hours=hours))
    scene.stages.say(f"the demo's clock moves by {hours} hours: the time in which bounces still count")
    accountant = scene.door("accountant")
    report = accountant.follow("/reports/revenue", _all_settled, lambda state: None)
    if not report["balanced"]:
        raise IntegrityFault("The three sums of the report differ.", code="demo_unbalanced")
    for name in ("sends_micros", "ledger_cents", "invoice_cents", "owner_cents", "commission_cents", "balanced"):
        scene.result[name] = report[name]
    scene.known["report"] = "/reports/revenue"


def _all_settled(report: Any) -> bool:
    return bool(report["rows"]) and all(row["settled"] for row in report["rows"])
