-- How much the speed changes at drops, and how much at rises.
-- The types are kept apart: together their changes would cancel. The events that count, see
-- kym_events.
-- Tables   kym_images, kym_events
-- Params   by  column of kym_events, kym_images  = condition  what groups the events
-- Output   group; event_type; n_events whose speeds on both sides are known; median_before,
--          median_after, mm/s; median_change, mm/s; median_change_percent of the speed before
-- Units    group {by}, median_before mm/s, median_after mm/s, median_change mm/s,
--          median_change_percent %
-- Plot     bar, x=group, y=median_change, colour=event_type
WITH known AS (
    SELECT
        {by} AS "group",
        kym_events.event_type,
        kym_events.baseline_before AS before,
        kym_events.baseline_after AS after
    FROM kym_events
    LEFT JOIN kym_images USING (image_id)
    WHERE isfinite(kym_events.baseline_before) AND isfinite(kym_events.baseline_after)
)

SELECT
    "group",
    event_type,
    count(*) AS n_events,
    median(before) AS median_before,
    median(after) AS median_after,
    median(after - before) AS median_change,
    median(100 * (after - before) / nullif(before, 0)) AS median_change_percent
FROM known
GROUP BY "group", event_type
ORDER BY "group" NULLS LAST, event_type NULLS LAST
