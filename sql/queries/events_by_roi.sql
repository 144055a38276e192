-- How many events of each type every ROI of every image holds.
-- A ROI that was analysed and has none is listed with 0 events and no type; an image that was never
-- analysed, or whose last run failed, with NULL. The events that count, see kym_events.
-- Tables   kym_images, kym_analysed, kym_events
-- Params   image_id  text  = NULL  only this image
-- Output   image_id; source_path; roi_id; channel; event_type; n_events; first_s, last_s: where the
--          earliest and latest lie, by their peaks, else their starts; median_strength
-- Units    first_s s, last_s s
-- Plot     bar, x=source_path, y=n_events, colour=event_type
WITH searched AS (
    SELECT image_id, roi_id, channel
    FROM kym_analysed
),

counted AS (
    SELECT
        image_id,
        roi_id,
        channel,
        event_type,
        count(*) AS n_events,
        min(coalesce(peak_t_s, t_start_s)) AS first_s,
        max(coalesce(peak_t_s, t_start_s)) AS last_s,
        median(strength) FILTER (isfinite(strength)) AS median_strength
    FROM kym_events
    WHERE image_id IN (SELECT image_id FROM searched)
    GROUP BY ALL
),

rois AS (
    SELECT *
    FROM counted
    UNION ALL BY NAME
    SELECT image_id, roi_id, channel, 0 AS n_events
    FROM searched
    WHERE
        NOT EXISTS (
            SELECT 1
            FROM counted
            WHERE
                counted.image_id = searched.image_id
                AND coalesce(counted.roi_id, 1) = searched.roi_id
                AND coalesce(counted.channel, searched.channel) = searched.channel
        )
)

SELECT
    images.image_id,
    images.source_path,
    rois.roi_id,
    rois.channel,
    rois.event_type,
    rois.n_events,
    rois.first_s,
    rois.last_s,
    rois.median_strength
FROM kym_images AS images
LEFT JOIN rois ON images.image_id = rois.image_id
WHERE $image_id::VARCHAR IS NULL OR images.image_id = $image_id
ORDER BY images.source_path, images.image_id, rois.roi_id, rois.channel, rois.event_type
