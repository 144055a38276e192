-- How far people have come with reviewing events.
-- The events that count, see kym_events: candidates count once a person labelled them.
-- Tables   kym_images, kym_events
-- Params   by  column of kym_events, kym_images  = folder  what groups the events
-- Output   group; n_events; n_reviewed; reviewed_percent; and how many were called true_stall,
--          reversal or other
-- Units    group {by}, reviewed_percent %
-- Plot     bar, x=group, y=reviewed_percent
WITH judged AS (
    SELECT
        {by} AS "group",
        coalesce(nullif(kym_events.user_type, ''), 'unreviewed') AS verdict
    FROM kym_events
    LEFT JOIN kym_images USING (image_id)
)

SELECT
    "group",
    count(*) AS n_events,
    count(*) FILTER (verdict <> 'unreviewed') AS n_reviewed,
    100 * count(*) FILTER (verdict <> 'unreviewed') / count(*) AS reviewed_percent,
    count(*) FILTER (verdict = 'true_stall') AS true_stall,
    count(*) FILTER (verdict = 'reversal') AS reversal,
    count(*) FILTER (verdict NOT IN ('unreviewed', 'true_stall', 'reversal')) AS other
FROM judged
GROUP BY "group"
ORDER BY reviewed_percent, "group" NULLS LAST
