-- How the number of events found varies with the value of one param.
-- Every image that was analysed counts, also one without events.
-- Tables   kym_images, kym_velocity_events, kym_velocity_events_params, kym_velocity_events_runs
-- Params   key         column of kym_velocity_events_params  = mad_k  the param
--          event_type  text                                  = NULL   only events of this type
-- Output   value of the param; n_images; n_events; mean_per_image; median_per_image; events_per_min
--          over the images of known duration
WITH counted AS (
    SELECT image_id, count(*) AS n_events
    FROM kym_velocity_events
    WHERE $event_type::VARCHAR IS NULL OR event_type = $event_type
    GROUP BY image_id
),

analysed AS (
    SELECT
        {key} AS value,
        coalesce(counted.n_events, 0) AS n_events,
        images.duration_s / 60 AS minutes
    FROM kym_velocity_events_runs AS runs
    JOIN kym_velocity_events_params ON runs.params_hash = kym_velocity_events_params.params_hash
    LEFT JOIN kym_images AS images ON runs.image_id = images.image_id
    LEFT JOIN counted ON runs.image_id = counted.image_id
    WHERE runs.status = 'ok' AND kym_velocity_events_params.params <> 'null'
)

SELECT
    value,
    count(*) AS n_images,
    sum(n_events) AS n_events,
    avg(n_events) AS mean_per_image,
    median(n_events) AS median_per_image,
    sum(n_events) FILTER (minutes > 0) / sum(minutes) AS events_per_min
FROM analysed
GROUP BY value
ORDER BY value NULLS LAST
