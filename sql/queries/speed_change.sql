-- How much the speed changes at events.
-- Tables   kym_images, kym_velocity_events
-- Params   by  column of kym_velocity_events, kym_images  = event_type  what groups the events
-- Output   group; n_events whose speeds on both sides are known; median_before, median_after, mm/s;
--          median_change, mm/s; median_change_percent of the speed before
WITH known AS (
    SELECT
        {by} AS "group",
        kym_velocity_events.baseline_before AS before,
        kym_velocity_events.baseline_after AS after
    FROM kym_velocity_events
    LEFT JOIN kym_images USING (image_id)
    WHERE isfinite(baseline_before) AND isfinite(baseline_after)
)

SELECT
    "group",
    count(*) AS n_events,
    median(before) AS median_before,
    median(after) AS median_after,
    median(after - before) AS median_change,
    median(100 * (after - before) / nullif(before, 0)) AS median_change_percent
FROM known
GROUP BY "group"
ORDER BY "group" NULLS LAST
