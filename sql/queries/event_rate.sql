-- How often events occur in each group of images, per minute of recording.
-- Every image that was analysed counts, also one without events; images that never were, whose
-- last run failed, or of unknown duration do not.
-- Tables   kym_images, kym_velocity_events, kym_velocity_events_params, kym_velocity_events_runs
-- Params   by          column of kym_images  = condition  what groups the images
--          event_type  text                  = NULL       only events of this type
-- Output   group; n_images; minutes recorded; n_events; events_per_min over all of it;
--          mean_of_images, sem_of_images: mean and standard error of the images' own rates
WITH analysed AS (
    SELECT
        kym_images.image_id,
        {by} AS "group",
        kym_images.duration_s / 60 AS minutes
    FROM kym_images
    JOIN kym_velocity_events_runs AS runs USING (image_id)
    LEFT JOIN kym_velocity_events_params AS params ON runs.params_hash = params.params_hash
    WHERE
        runs.status = 'ok'
        AND params.params IS DISTINCT FROM 'null'
        AND kym_images.duration_s > 0
),

counted AS (
    SELECT image_id, count(*) AS n_events
    FROM kym_velocity_events
    WHERE $event_type::VARCHAR IS NULL OR event_type = $event_type
    GROUP BY image_id
),

rates AS (
    SELECT
        analysed."group",
        analysed.minutes,
        coalesce(counted.n_events, 0) AS n_events,
        coalesce(counted.n_events, 0) / analysed.minutes AS rate
    FROM analysed
    LEFT JOIN counted USING (image_id)
)

SELECT
    "group",
    count(*) AS n_images,
    sum(minutes) AS minutes,
    sum(n_events) AS n_events,
    sum(n_events) / sum(minutes) AS events_per_min,
    avg(rate) AS mean_of_images,
    stddev_samp(rate) / sqrt(count(*)) AS sem_of_images
FROM rates
GROUP BY "group"
ORDER BY "group" NULLS LAST
