-- How much time passes from one event to the next in the same ROI and channel.
-- From peak to peak; an event without a peak, such as a gap, lies where it starts. The events that
-- count, see kym_events.
-- Tables   kym_images, kym_events
-- Params   by          column of kym_images  = condition  what groups the events
--          event_type  text                  = NULL       only events of this type
-- Output   group; n_intervals; min_s; p25_s, median_s, p75_s: quantiles, interpolated; max_s; mean_s
-- Units    group {by}, min_s s, p25_s s, median_s s, p75_s s, max_s s, mean_s s
-- Plot     bar, x=group, y=median_s
WITH placed AS (
    SELECT
        image_id,
        roi_id,
        channel,
        coalesce(peak_t_s, t_start_s) AS at_s
    FROM kym_events
    WHERE
        coalesce(peak_t_s, t_start_s) IS NOT NULL
        AND ($event_type::VARCHAR IS NULL OR event_type = $event_type)
),

following AS (
    SELECT
        {by} AS "group",
        lead(placed.at_s) OVER (
            PARTITION BY placed.image_id, placed.roi_id, placed.channel ORDER BY placed.at_s
        ) - placed.at_s AS seconds
    FROM placed
    LEFT JOIN kym_images ON placed.image_id = kym_images.image_id
)

SELECT
    "group",
    count(*) AS n_intervals,
    min(seconds) AS min_s,
    quantile_cont(seconds, 0.25) AS p25_s,
    median(seconds) AS median_s,
    quantile_cont(seconds, 0.75) AS p75_s,
    max(seconds) AS max_s,
    avg(seconds) AS mean_s
FROM following
WHERE seconds IS NOT NULL
GROUP BY "group"
ORDER BY "group" NULLS LAST
