-- How much time passes from one event to the next in the same region and channel.
-- Tables   kym_images, kym_velocity_events
-- Params   by          column of kym_images  = condition  what groups the events
--          event_type  text                  = NULL       only events of this type
-- Output   group; n_intervals; min_s; p25_s, median_s, p75_s: quantiles, interpolated; max_s; mean_s
WITH following AS (
    SELECT
        {by} AS "group",
        lead(kym_velocity_events.t_start_s) OVER (
            PARTITION BY
                kym_velocity_events.image_id,
                kym_velocity_events.roi_id,
                kym_velocity_events.channel
            ORDER BY kym_velocity_events.t_start_s
        ) - kym_velocity_events.t_start_s AS seconds
    FROM kym_velocity_events
    LEFT JOIN kym_images USING (image_id)
    WHERE
        kym_velocity_events.t_start_s IS NOT NULL
        AND ($event_type::VARCHAR IS NULL OR kym_velocity_events.event_type = $event_type)
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
