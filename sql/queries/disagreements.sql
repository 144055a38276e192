-- Which events reviewers judge differently, and nobody has settled: a list to settle.
-- Tables   kym_images, kym_reviews
-- Output   image_id; source_path; roi_id; channel; event_id; t_start_s, s, as first judged;
--          n_reviewers; verdicts: who says what
-- Units    t_start_s s
-- Plot     scatter, x=t_start_s, y=n_reviewers
WITH judged AS (
    SELECT
        image_id,
        coalesce(roi_id, 1) AS roi_id,
        coalesce(channel, 1) AS channel,
        event_id,
        reviewer,
        verdict,
        settled,
        t_start_s,
        decided_at
    FROM kym_reviews
    WHERE reviewer <> 'external'
),

events AS (
    SELECT
        image_id,
        roi_id,
        channel,
        event_id,
        arg_min(t_start_s, decided_at) AS t_start_s,
        count(verdict) AS n_reviewers,
        string_agg(reviewer || ': ' || verdict, '; ' ORDER BY reviewer) AS verdicts
    FROM judged
    GROUP BY image_id, roi_id, channel, event_id
    HAVING count(DISTINCT verdict) > 1 AND count(settled) = 0
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
