-- How the number of events found varies with the value of one param.
-- Every image that was analysed counts, also one without events. The events that count, see
-- kym_events: candidates, which top_k_total adds, do not.
-- Tables   kym_analysed, kym_events, kym_velocity_events_params, kym_velocity_events_runs
-- Params   key         column of kym_velocity_events_params  = mad_k  the param
--          event_type  text                                  = NULL   only events of this type
-- Output   value of the param; n_images; n_rois; n_events; mean_per_image; median_per_image;
--          events_per_roi_min over the images of known scale
-- Units    value {key}, events_per_roi_min 1/min
-- Plot     bar, x=value, y=mean_per_image
WITH searched AS (
    SELECT image_id, count(*) AS n_rois, sum(duration_s) / 60 AS roi_minutes
    FROM kym_analysed
    GROUP BY image_id
),

counted AS (
    SELECT image_id, count(*) AS n_events
    FROM kym_events
    WHERE $event_type::VARCHAR IS NULL OR event_type = $event_type
    GROUP BY image_id
),

analysed AS (
    SELECT
        {key} AS value,
        searched.n_rois,
        searched.roi_minutes,
        coalesce(counted.n_events, 0) AS n_events
    FROM searched
    JOIN kym_velocity_events_runs AS runs ON searched.image_id = runs.image_id
    JOIN kym_velocity_events_params ON runs.params_hash = kym_velocity_events_params.params_hash
    LEFT JOIN counted ON searched.image_id = counted.image_id
)

SELECT
    value,
    count(*) AS n_images,
    sum(n_rois) AS n_rois,
    sum(n_events) AS n_events,
    avg(n_events) AS mean_per_image,
    median(n_events) AS median_per_image,
    sum(n_events) FILTER (roi_minutes > 0) / sum(roi_minutes) AS events_per_roi_min
FROM analysed
GROUP BY value
ORDER BY value NULLS LAST
