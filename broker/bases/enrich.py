"""Enrichments of a base: files that add to known contacts alone, and what each of them changed."""

from __future__ import annotations

from broker.bases import enrichment_store as store
from broker.bases.enrichment_model import Enrichment, FieldChange
from broker.bases.find_base import find_base
from broker.bases.imports import find_import
from broker.bases.preview import find_upload
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput


def mark_as_enrichment(unit: UnitOfWork, upload_code: str) -> None:
    """Say that an upload is to enrich: its import takes known contacts alone."""
    unit.actor.require("owner")
    upload = find_upload(unit, upload_code)
    if upload.kind != "contacts":
        raise InvalidInput("Only a file of contacts enriches.", code="no_enrichment", field="kind")
    store.mark_upload(unit, upload.code)


def list_enrichments(unit: UnitOfWork, base_code: str) -> list[Enrichment]:
    """The enrichments of a base, the newest first."""
    return store.enrichments_of(unit, find_base(unit, base_code).id)


def changes_by(unit: UnitOfWork, import_code: str) -> list[FieldChange]:
    """What an import did to each field; empty where it was no enrichment."""
    return store.changes_of(unit, find_import(unit, import_code).id)
