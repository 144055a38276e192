-- How often events occur in each group of images, per minute of analysed ROI.
-- Each ROI and channel that was analysed adds the time it lasts, also without events: a recording
-- of one minute with two ROIs is two ROI-minutes. Images that were never analysed, whose last run
-- failed, or whose scale is not known are left out and counted; a group of nothing else has no
-- rate. The events that count, see kym_events.
-- Tables   kym_images, kym_analysed, kym_events
-- Params   by          column of kym_images  = condition  what groups the images
--          event_type  text                  = NULL       only events of this type
-- Output   group; n_images; n_rois; roi_minutes; n_events; events_per_roi_min over all of it;
--          mean_of_images, sem_of_images: mean and standard error of the images' own rates;
--          n_left_out: images that don't count
-- Units    group {by}, roi_minutes min, events_per_roi_min 1/min, mean_of_images 1/min,
--          sem_of_images 1/min
-- Plot     bar, x=group, y=events_per_roi_min
WITH searched AS (
    SELECT image_id, count(*) AS n_rois, sum(duration_s) / 60 AS roi_minutes
    FROM kym_analysed
    WHERE duration_s > 0
    GROUP BY image_id
),

counted AS (
    SELECT image_id, count(*) AS n_events
    FROM kym_events
    WHERE $event_type::VARCHAR IS NULL OR event_type = $event_type
    GROUP BY image_id
),

rates AS (
    SELECT
        {by} AS "group",
        searched.n_rois,
        searched.roi_minutes,
        CASE WHEN searched.n_rois > 0 THEN coalesce(counted.n_events, 0) END AS n_events
    FROM kym_images
    LEFT JOIN searched ON kym_images.image_id = searched.image_id
    LEFT JOIN counted ON kym_images.image_id = counted.image_id
)

SELECT
    "group",
    count(n_rois) AS n_images,
    coalesce(sum(n_rois), 0) AS n_rois,
    sum(roi_minutes) AS roi_minutes,
    sum(n_events) AS n_events,
    sum(n_events) / sum(roi_minutes) AS events_per_roi_min,
    avg(n_events / roi_minutes) AS mean_of_images,
    stddev_samp(n_events / roi_minutes) / sqrt(count(n_rois)) AS sem_of_images,
    count(*) - count(n_rois) AS n_left_out
FROM rates
GROUP BY "group"
ORDER BY "group" NULLS LAST
