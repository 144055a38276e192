-- Which events reviewers judge differently, and nobody has settled: a list to settle.
-- Of events that each added, one is the other as for agreement.
-- Tables   kym_images, kym_verdict_pairs
-- Params   within_s  number, s  = 0.25  how far apart two added events may be and be the same
-- Output   image_id; source_path; roi_id; channel; event_id; t_start_s, s, the earliest that they
--          say; n_reviewers; verdicts: who says what
-- Units    t_start_s s
-- Plot     scatter, x=t_start_s, y=n_reviewers
WITH pairs AS (
    SELECT *, least(event_a, event_b) AS event_id
    FROM kym_verdict_pairs
    WHERE verdict_a <> verdict_b AND NOT settled AND apart_s <= $within_s
),

said AS (
    SELECT image_id, roi_id, channel, event_id, t_start_s, reviewer_a AS reviewer, verdict_a AS verdict
    FROM pairs
    UNION ALL
    SELECT image_id, roi_id, channel, event_id, t_start_s, reviewer_b, verdict_b
    FROM pairs
),

events AS (
    SELECT
        image_id,
        roi_id,
        channel,
        event_id,
        min(t_start_s) AS t_start_s,
        count(DISTINCT reviewer) AS n_reviewers,
        string_agg(DISTINCT reviewer || ': ' || verdict, '; ' ORDER BY reviewer || ': ' || verdict)
            AS verdicts
    FROM said
    GROUP BY image_id, roi_id, channel, event_id
)

SELECT
    events.image_id,
    kym_images.source_path,
    events.roi_id,
    events.channel,
    events.event_id,
    events.t_start_s,
    events.n_reviewers,
    events.verdicts
FROM events
LEFT JOIN kym_images ON events.image_id = kym_images.image_id
ORDER BY
    kym_images.source_path NULLS LAST,
    events.image_id,
    events.roi_id,
    events.channel,
    events.t_start_s NULLS LAST,
    events.event_id
