-- When in a recording events begin: their rate in each stretch of time since its start.
-- Every image that was analysed counts for as long as it lasts.
-- Tables   kym_images, kym_velocity_events, kym_velocity_events_params, kym_velocity_events_runs
-- Params   bin_s       number, s  = 5     length of a stretch
--          event_type  text       = NULL  only events of this type
-- Output   from_s, to_s of the stretch; n_images that reach it; recorded_s in it over all images;
--          n_events; events_per_min
WITH analysed AS (
    SELECT kym_images.image_id, kym_images.duration_s
    FROM kym_images
    JOIN kym_velocity_events_runs AS runs USING (image_id)
    LEFT JOIN kym_velocity_events_params AS params ON runs.params_hash = params.params_hash
    WHERE
        runs.status = 'ok'
        AND params.params IS DISTINCT FROM 'null'
        AND kym_images.duration_s > 0
),

recorded AS (
    SELECT
        unnest(range(ceil(duration_s / $bin_s::DOUBLE)::BIGINT)) AS bin,
        least(duration_s - bin * $bin_s::DOUBLE, $bin_s::DOUBLE) AS seconds
    FROM analysed
),

bins AS (
    SELECT bin, count(*) AS n_images, sum(seconds) AS recorded_s
    FROM recorded
    GROUP BY bin
),

begun AS (
    SELECT floor(events.t_start_s / $bin_s::DOUBLE)::BIGINT AS bin, count(*) AS n_events
    FROM kym_velocity_events AS events
    SEMI JOIN analysed USING (image_id)
    WHERE $event_type::VARCHAR IS NULL OR events.event_type = $event_type
    GROUP BY ALL
)

SELECT
    bins.bin * $bin_s::DOUBLE AS from_s,
    (bins.bin + 1) * $bin_s::DOUBLE AS to_s,
    bins.n_images,
    bins.recorded_s,
    coalesce(begun.n_events, 0) AS n_events,
    60 * coalesce(begun.n_events, 0) / bins.recorded_s AS events_per_min
FROM bins
LEFT JOIN begun USING (bin)
ORDER BY from_s
