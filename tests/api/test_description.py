"""schemathesis plays the description against the API: no undocumented reply, no fault, no shape that is not kept."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import checks
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from api.description import openapi
from tests.front_house import House

OPERATIONS = [(path, verb) for path, item in openapi()["paths"].items() for verb in item if verb in ("get", "post")]
# The audience process is away here, so 503 is one of the described answers and no fault of the server.
KEPT = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
ROLES = ("owner", "advertiser", "accountant")
TRIED = 4  # cases after which a role that was turned away each time is not asked again


@pytest.fixture(scope="module")
def description(house: House) -> schemathesis.BaseSchema:
    """The served description, with something behind it: a base, an upload, an import that waits."""
    client, headers = house.api.test_client(), house.program("owner")
    client.post("/bases", json={"code": "fuzzed", "name": "Fuzzed"}, headers=headers)
    signed = {"reference": "DPA", "signatory": "Anna", "signed_on": "2026-01-01"}
    client.post("/bases/fuzzed/contracts", json=signed, headers=headers)
    sent = client.post(
        "/bases/fuzzed/uploads?kind=contacts&file_name=a.csv", data=b"email\na@b.test\n", headers=headers
    )
    client.post("/bases/fuzzed/imports", json={"upload": sent.get_json()["code"]}, headers=headers)
    served = DispatcherMiddleware(NotFound(), {"/api/v1": house.api})
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", served)


def test_no_two_shapes_share_a_name() -> None:
    names = openapi()["components"]["schemas"]
    assert [name for name in names if name.rstrip("0123456789") != name and name.rstrip("0123456789") in names] == []


def players(seen: dict[str, list[int]]) -> list[str]:
    """Who plays the next case of an operation: everybody at first, then whoever was not always turned away.

    Where all were, one goes on, whose role at least is the right one: so each case is played, and odd values are found.
    """
    if min(len(replies) for replies in seen.values()) < TRIED:
        return list(seen)
    inside = [role for role, replies in seen.items() if set(replies) - {403, 404}]
    at_the_door = [role for role, replies in seen.items() if set(replies) != {403}]
    return inside or at_the_door[:1] or list(seen)[:1]


@pytest.mark.parametrize(("path", "verb"), OPERATIONS)
def test_replies_are_as_described(path: str, verb: str, description: schemathesis.BaseSchema, house: House) -> None:
    seen: dict[str, list[int]] = {role: [] for role in ROLES}

    @settings(
        max_examples=12,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=description[path][verb].as_strategy())
    def play(case: schemathesis.Case) -> None:
        if "base" in case.path_parameters:
            case.path_parameters["base"] = "fuzzed"  # beyond the 404 of a made-up code
        for role in players(seen):
            seen[role].append(0)  # whose reply is at fault plays on
            reply = case.call(headers=house.program(role))
            assert reply.status_code != 500, reply.text
            case.validate_response(reply, checks=KEPT)
            seen[role][-1] = reply.status_code

    play()
