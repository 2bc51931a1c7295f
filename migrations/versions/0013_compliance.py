"""What the law asks to be written down: contracts, register of processing, requests of persons, breaches."""

from __future__ import annotations

from alembic import op

from migrations.protect import protect

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TABLES = """
-- The agreement under which the broker works on an owner's base (GDPR art. 28, or 26 for joint controllers): what was
-- signed, named by reference and SHA-256. An ended one stays as evidence.
CREATE TABLE processing_contract (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  org_id bigint NOT NULL,
  base_id bigint NOT NULL,
  kind text NOT NULL CHECK (kind IN ('processor', 'joint')),
  reference text NOT NULL,
  document_sha256 bytea CHECK (length(document_sha256) = 32),
  signatory text NOT NULL,
  signed_on date NOT NULL,
  ends_on date CHECK (ends_on >= signed_on),
  recorded_by bigint,
  created_at timestamptz NOT NULL DEFAULT app_now(),
  FOREIGN KEY (base_id, org_id) REFERENCES base (id, org_id)
);
CREATE INDEX processing_contract_base ON processing_contract (base_id);

-- A controller's own lines of its register (art. 30); those of its bases are made from what stands there.
CREATE TABLE processing_activity (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  org_id bigint NOT NULL REFERENCES organisation,
  name text NOT NULL,
  purpose text NOT NULL,
  legal_basis text NOT NULL CHECK (legal_basis IN
    ('consent', 'contract', 'legal_obligation', 'legitimate_interest', 'vital_interest', 'public_task')),
  people text NOT NULL,                     -- categories of persons
  data text NOT NULL,                       -- categories of data
  recipients text NOT NULL,
  retention text NOT NULL,
  transfers text NOT NULL DEFAULT '',       -- to countries outside the Union, with the safeguard
  security text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT app_now(),
  ended_at timestamptz,
  UNIQUE (org_id, name)
);

-- Requests of persons that reach a controller by any way (art. 12(3): one month, two more when it is said why). Nobody
-- is named here: the owner keeps the letter under its own reference.
CREATE TABLE rights_request (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  org_id bigint NOT NULL REFERENCES organisation,
  kind text NOT NULL CHECK (kind IN
    ('access', 'correction', 'erasure', 'objection', 'portability', 'restriction')),
  reference text NOT NULL,
  received_on date NOT NULL,
  due_on date NOT NULL CHECK (due_on > received_on AND due_on <= received_on + interval '1 month'),
  extended_to date CHECK (extended_to > due_on AND extended_to <= received_on + interval '3 months'),
  extension_reason text,
  answered_on date CHECK (answered_on >= received_on),
  outcome text CHECK (outcome IN ('granted', 'partly', 'refused', 'not_found')),
  note text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT app_now(),
  CHECK ((extended_to IS NULL) = (extension_reason IS NULL)),
  CHECK ((answered_on IS NULL) = (outcome IS NULL))
);
CREATE INDEX rights_request_open ON rights_request (org_id, due_on) WHERE answered_on IS NULL;

-- A breach of personal data (art. 33(5)): kept whether or not it had to be notified, within 72 hours of its discovery.
CREATE TABLE breach (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  org_id bigint NOT NULL,
  base_id bigint NOT NULL,
  discovered_at timestamptz NOT NULL,
  began_at timestamptz NOT NULL, ended_at timestamptz NOT NULL CHECK (ended_at >= began_at),
  nature text NOT NULL CHECK (nature IN ('confidentiality', 'integrity', 'availability')),
  facts text NOT NULL,
  data text NOT NULL,
  rows_affected bigint NOT NULL CHECK (rows_affected >= 0),
  consequences text NOT NULL DEFAULT '',
  measures text NOT NULL DEFAULT '',
  authority_told_at timestamptz, people_told_at timestamptz, closed_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT app_now(),
  FOREIGN KEY (base_id, org_id) REFERENCES base (id, org_id)
);
CREATE INDEX breach_org ON breach (org_id);
"""

OWN = "org_id = app_org()"


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(TABLES)
    seen = f"{OWN} OR app_staff()"
    # A contract is recorded by the party that it binds, or by the broker who holds it as well. What is recorded stays.
    protect(
        "processing_contract",
        using=seen,
        check=f"({OWN} AND app_role() = 'owner') OR app_role() = 'broker'",
        web="SELECT, INSERT (code, org_id, base_id, kind, reference, document_sha256, signatory, signed_on, ends_on,"
        " recorded_by), UPDATE (ends_on)",
    )
    protect("processing_activity", using=seen, check=OWN, web="SELECT, INSERT, UPDATE (ended_at)")
    protect(
        "rights_request",
        using=seen,
        check=OWN,
        web="SELECT, INSERT, UPDATE (extended_to, extension_reason, answered_on, outcome, note)",
    )
    protect(
        "breach",
        using=seen,
        check=f"({OWN} AND app_role() = 'owner') OR app_role() = 'broker'",
        web="SELECT, INSERT, UPDATE (consequences, measures, rows_affected, authority_told_at, people_told_at,"
        " closed_at)",
    )
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute("DROP TABLE breach, rights_request, processing_activity, processing_contract")
