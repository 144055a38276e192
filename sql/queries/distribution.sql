-- How a number is distributed over events: durations, strengths, scores, baselines, ….
-- Tables   kym_images, kym_velocity_events
-- Params   of  column of kym_velocity_events, kym_images  = strength    the number
--          by  column of kym_velocity_events, kym_images  = event_type  what groups the events
-- Output   group; n_events; n_values of them that have the number and no NaN; min; p05, p25,
--          median, p75, p95: quantiles, interpolated; max; mean
WITH given AS (
    SELECT {by} AS "group", nullif({of}::DOUBLE, 'NaN'::DOUBLE) AS x
    FROM kym_velocity_events
    LEFT JOIN kym_images USING (image_id)
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
FROM given
GROUP BY "group"
ORDER BY "group" NULLS LAST
