-- How many velocity events each image holds, images without any included.
-- Tables   kym_images, kym_velocity_events
-- Output   image_id; source_path; n_events; n_rois with events; first_s: the earliest start, s;
--          strongest: the highest strength
SELECT
    images.image_id,
    images.source_path,
    count(events.image_id) AS n_events,
    count(DISTINCT events.roi_id) AS n_rois,
    round(min(events.t_start_s), 3) AS first_s,
    round(max(events.strength), 2) AS strongest
FROM kym_images AS images
LEFT JOIN kym_velocity_events AS events USING (image_id)
GROUP BY images.image_id, images.source_path
ORDER BY n_events DESC, images.source_path, images.image_id
