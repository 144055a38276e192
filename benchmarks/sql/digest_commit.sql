-- Sum up a table of events and its ledger.
-- Inputs   views kym_velocity_events, kym_velocity_events_runs
-- Output   one row (rows, digest, runs, runs_digest), independent of the order of the rows
SELECT *
FROM (
    SELECT
        count(*) AS rows,
        sum(hash(image_id, params_hash, event_id, event_type, t_start_s, peak_value, note)::HUGEINT)
            ::VARCHAR AS digest
    FROM kym_velocity_events
), (
    SELECT count(*) AS runs, sum(hash(image_id, params_hash, n_rows)::HUGEINT)::VARCHAR AS runs_digest
    FROM kym_velocity_events_runs
)
