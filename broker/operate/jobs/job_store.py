"""What the rows say is due, and the job that is missing for it."""

from __future__ import annotations

from broker.kernel.database import UnitOfWork

REST_SECONDS = 30  # after a failure, before the same work is asked for again

# Each arm names work that its rows say is due. `mailing` stands in it more than once: a mailing that is being sent
# wants a job when it has none, when something put off has come due, and when a lease ran out.
_DUE = """
WITH due(kind, row_id, even_if_running) AS (
  SELECT CASE kind WHEN 'contacts' THEN 'import_base' ELSE 'import_purchases' END, id, false
  FROM import_run WHERE state IN ('waiting', 'reading')
  UNION ALL SELECT 'build_snapshot', id, false FROM import_run WHERE state = 'building'
  UNION ALL SELECT 'build_insight', b.current_snapshot_id, false FROM base b WHERE b.current_snapshot_id IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM base_insight i WHERE i.snapshot_id = b.current_snapshot_id)
  UNION ALL SELECT 'restudy_base', b.id, false FROM base b WHERE b.current_snapshot_id IS NOT NULL AND EXISTS (
    SELECT 1 FROM insight_rule r WHERE r.base_id = b.id AND r.kind <> 'shops' AND r.version > coalesce((
      SELECT (i.used ->> r.kind)::integer FROM insight_run i WHERE i.snapshot_id = b.current_snapshot_id), 0))
  UNION ALL SELECT 'look_up_customer', id, false FROM customer_lookup WHERE state = 'waiting'
  UNION ALL SELECT 'schedule_participation_send', id, false FROM participation_send WHERE state = 'picked'
  UNION ALL SELECT 'schedule_order', id, false FROM rental_order WHERE state = 'on_credit'
  UNION ALL SELECT 'schedule_use', u.id, false FROM order_use u JOIN rental_order o ON o.id = u.order_id
    WHERE u.send_on IS NOT NULL AND u.dispatch_id IS NULL AND NOT u.given_up AND o.state = 'sent'
  UNION ALL SELECT 'plan_notice', id, false FROM partner_notice WHERE mailing_id IS NULL
  UNION ALL SELECT 'fetch_images', creative_id, false FROM creative_image WHERE state = 'waiting'
  UNION ALL SELECT 'run_own_mailing', id, false FROM own_mailing WHERE state = 'active' AND next_run_at <= app_now()
  UNION ALL SELECT 'freeze_mailing', id, false FROM mailing WHERE state = 'planned'
    AND starts_at <= app_now() + make_interval(hours => :freeze_hours)
    AND NOT is_frozen(owner_id) AND NOT is_frozen(advertiser_id)
  UNION ALL SELECT 'send_mailing', id, false FROM mailing
    WHERE state = 'sending' OR (state = 'frozen' AND coalesce(starts_at, app_now()) <= app_now())
       OR (state = 'cancelled' AND ended_at IS NULL)
  UNION ALL SELECT 'send_mailing', m.id, true FROM mailing m WHERE m.state = 'sending' AND EXISTS (
    SELECT 1 FROM send s WHERE s.mailing_id = m.id AND s.next_attempt_at <= app_now() AND s.state = 'deferred')
  UNION ALL SELECT 'send_mailing', mailing_id, true FROM send_batch WHERE leased_until <= now()
  UNION ALL SELECT 'presign_mailing', m.id, false FROM mailing m WHERE m.state = 'frozen'
    AND m.starts_at > app_now() + interval '1 minute' AND m.starts_at < app_now() + interval '7 days'
    AND NOT EXISTS (SELECT 1 FROM presigning p WHERE p.mailing_id = m.id AND p.dated = m.starts_at
                    AND p.done_at IS NOT NULL)
  UNION ALL SELECT 'read_inbound', id, false FROM inbound WHERE read_at IS NULL AND sealed IS NOT NULL
  UNION ALL SELECT 'match_request', id, false FROM typed_request WHERE done_at IS NULL
  UNION ALL SELECT 'answer_request', id, false FROM typed_request
    WHERE confirmed_at IS NOT NULL AND sealed IS NOT NULL AND kind <> 'correction'
  UNION ALL SELECT 'apply_profile', id, false FROM profile_update WHERE applied_at IS NULL
  UNION ALL SELECT 'post_account_letter', id, false FROM account_letter WHERE done_at IS NULL
  UNION ALL SELECT 'book_payment', id, false FROM payment WHERE state IN ('pending', 'processing')
    AND (checkout_reference IS NOT NULL OR gateway_reference IS NOT NULL)
    AND coalesce(looked_at + interval '10 minutes', created_at + interval '1 minute') < app_now()
  UNION ALL SELECT 'charge_means', id, false FROM payment WHERE state = 'pending' AND method <> 'checkout'
    AND coalesce(debit_on <= CAST(app_now() AT TIME ZONE 'Europe/Paris' AS date), true)
  UNION ALL SELECT 'treat_webhook', number, false FROM webhook_event WHERE processed_at IS NULL
  UNION ALL SELECT 'remove_means', id, false FROM payment_means WHERE state = 'removing'
  UNION ALL SELECT 'open_connect', id, false FROM connect_account WHERE reference IS NULL
  UNION ALL SELECT 'send_transfer', id, false FROM payout WHERE state = 'approved' AND connect_account_id IS NOT NULL
    AND coalesce(transfer_looked_at < app_now() - interval '15 minutes', true)
  UNION ALL SELECT 'reverse_transfer', id, false FROM transfer_reversal WHERE state = 'approved'
    AND coalesce(looked_at < app_now() - interval '15 minutes', true)
  UNION ALL SELECT 'send_gateway_payout', id, false FROM gateway_payout WHERE state = 'asked'
  UNION ALL SELECT 'read_gateway', id, false FROM gateway_reading WHERE read_at IS NULL
  UNION ALL SELECT 'book_gateway_line', id, false FROM gateway_line
    WHERE booked_at IS NULL AND (explained_account IS NOT NULL OR kind IN ('stripe_fee', 'stripe_fx_fee'))
  UNION ALL SELECT 'book_receipt', id, false FROM receipt WHERE booked_at IS NULL
  UNION ALL SELECT 'book_receipt', receipt_id, false FROM receipt_share WHERE booked_at IS NULL
  UNION ALL SELECT 'close_month', id, false FROM ledger_close WHERE done_at IS NULL
  UNION ALL SELECT 'write_export', id, false FROM export_file WHERE state IN ('waiting', 'writing')
  UNION ALL SELECT 'key_suppression_list', id, false FROM suppression_list WHERE state = 'waiting'
  UNION ALL SELECT 'answer_order', r.order_id, false FROM order_review r JOIN rental_order o ON o.id = r.order_id
    WHERE o.state = 'ordered' AND r.looked_at IS NULL AND r.change_text IS NULL
  UNION ALL SELECT 'book_payout', id, false FROM payout WHERE state = 'confirmed'
  UNION ALL SELECT 'book_bank_line', id, false FROM bank_line WHERE kind IN ('fee', 'suspense') AND booked_at IS NULL
    OR explained_account IS NOT NULL AND explained_at IS NULL
  UNION ALL SELECT 'post_dunning', id, false FROM dunning_mail
    WHERE state = 'waiting' AND next_at <= app_now() AND tries < 40
  UNION ALL SELECT 'send_refund', id, false FROM refund WHERE state = 'sending'
    OR state = 'approved' AND (payment_id IS NOT NULL OR credit_cents > 0 AND credit_id IS NULL)
  UNION ALL SELECT 'book_refund', id, false FROM refund WHERE state = 'confirmed'
    OR state = 'paid' AND returned_on IS NOT NULL
  UNION ALL SELECT 'book_payout_return', id, false FROM payout WHERE returned_on IS NOT NULL AND state <> 'returned'
  UNION ALL SELECT 'issue_claim', id, false FROM late_claim WHERE done_at IS NULL
  UNION ALL SELECT 'tell_news', id, false FROM state_news WHERE told_at IS NULL
)
SELECT DISTINCT d.kind, d.row_id FROM due d WHERE NOT EXISTS (
  SELECT 1 FROM jobs.procrastinate_jobs j
  WHERE j.task_name = d.kind AND (j.args ->> 'row_id')::bigint = d.row_id
    AND ((j.status = 'todo' AND (NOT d.even_if_running OR j.scheduled_at IS NULL OR j.scheduled_at <= now()))
      OR (j.status = 'doing' AND NOT d.even_if_running)
      OR (j.status = 'failed' AND EXISTS (
            SELECT 1 FROM jobs.procrastinate_events e
            WHERE e.job_id = j.id AND e.type = 'failed' AND e.at > now() - make_interval(secs => :rest)))))
LIMIT 1000
"""


def enqueue_what_is_due(unit: UnitOfWork, freeze_hours: int) -> int:
    """Ask for every job that the rows want and that is not there; how many.

    A mailing is frozen `freeze_hours` before its start.

    A job may be lost with its worker, or fail while a relay is away: the row still says what is to be done.
    """
    rows = unit.all(_DUE, rest=REST_SECONDS, freeze_hours=freeze_hours)
    for row in rows:
        unit.enqueue(row.kind, row.row_id)
    return len(rows)


def forget_old_jobs(unit: UnitOfWork, hours: int) -> int:
    """Delete failed jobs of some hours ago; successful ones are not kept at all."""
    unit.run("SET LOCAL search_path = public, jobs")  # the engine's triggers name their tables without a schema
    return unit.run(
        "DELETE FROM jobs.procrastinate_jobs j WHERE j.status IN ('failed', 'cancelled', 'aborted')"
        " AND NOT EXISTS (SELECT 1 FROM jobs.procrastinate_events e"
        "  WHERE e.job_id = j.id AND e.at > now() - make_interval(hours => :hours))",
        hours=hours,
    ).rowcount
