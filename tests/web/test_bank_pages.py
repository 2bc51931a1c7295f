"""The bank's pages: a statement is sent, what waits is said, the books are compared."""

from __future__ import annotations

import re
from dataclasses import replace
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine

from broker.kernel.settings import Settings
from tests.bank_files import IBAN, camt, entry
from tests.front_house import House
from tests.store.money_scene import MoneyScene, build_scene


@pytest.fixture
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> MoneyScene:
    return build_scene(admin_engine, worker_engine, web_engine)


def test_a_statement_is_read_explained_and_compared(
    house: House, scene: MoneyScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, csrf = house.browser("accountant")
    with scene.worker.begin() as unit:
        day = unit.today.isoformat()
    data = camt([entry(-4_200, f"D-{scene.card_code}", "Bailleur", "loyer", day=day)], name=scene.card_code, day=day,
                opening=9_999)  # fmt: skip
    page = client.get("/accounting/bank?lang=en").text
    token = re.search(r'name="([^"]+)" value="' + re.escape(csrf), page)
    assert token is not None

    def send() -> Any:
        form = {token[1]: csrf, "file": (BytesIO(data), "releve.xml")}
        return client.post("/accounting/bank", data=form, content_type="multipart/form-data")

    assert send().status_code == 422  # the company's IBAN is not set
    settings = replace(Settings(), company=replace(Settings().company, iban=IBAN))
    monkeypatch.setattr("web.bank.front", lambda: SimpleNamespace(settings=settings))
    told = send().text
    assert "New lines: 1;" in told
    assert "Bailleur" in told
    line = re.search(r'name="line" value="(line_[a-z0-9]+)"', told[told.index("Bailleur") :])
    assert line is not None
    asked = {token[1]: csrf, "line": line[1]}
    assert client.post("/accounting/bank/assign", data={**asked, "account": "512"}).status_code == 422
    assert client.post("/accounting/bank/assign", data={**asked, "account": "627"}).status_code == 303
    for language in ("en", "fr"):
        for address in ("/accounting/bank", "/accounting/bank/reconciliation"):
            reply = client.get(f"{address}?lang={language}")
            assert reply.status_code == 200
            assert "cause_" not in reply.text
    statement = re.search(r"/accounting/bank/(stmt_[a-z0-9]+)", client.get("/accounting/bank").text)
    assert statement is not None
    assert "Bailleur" in client.get(f"/accounting/bank/{statement[1]}").text
    owner, _ = house.browser("owner")
    assert owner.get("/accounting/bank").status_code == 403
