-- How a number is distributed over events: durations, strengths, scores, baselines, ….
-- The events that count, see kym_events.
-- Tables   kym_images, kym_events
-- Params   of  column of kym_events, kym_images  = strength    the number
--          by  column of kym_events, kym_images  = event_type  what groups the events
-- Output   group; n_events; n_values of them that have the number, which NaN and ±infinity are
--          not; min; p05, p25, median, p75, p95: quantiles, interpolated; max; mean
-- Units    group {by}, min {of}, p05 {of}, p25 {of}, median {of}, p75 {of}, p95 {of}, max {of},
--          mean {of}
-- Plot     bar, x=group, y=median
WITH given AS (
    SELECT {by} AS "group", {of}::DOUBLE AS x
    FROM kym_events
    LEFT JOIN kym_images USING (image_id)
),

finite AS (
    SELECT "group", CASE WHEN isfinite(x) THEN x END AS x
    FROM given
)

SELECT
    "group",
    count(*) AS n_events,
    count(x) AS n_values,
    min(x) AS min,
    quantile_cont(x, 0.05) AS p05,
    quantile_cont(x, 0.25) AS p25,
    median(x) AS median,
    quantile_cont(x, 0.75) AS p75,
    quantile_cont(x, 0.95) AS p95,
    max(x) AS max,
    avg(x) AS mean
FROM finite
GROUP BY "group"
ORDER BY "group" NULLS LAST
