-- How many events of each type every region of every image holds.
-- Tables   kym_images, kym_velocity_events
-- Params   image_id  text  = NULL  only this image
-- Output   image_id; source_path; roi_id; channel; event_type; n_events; first_s, last_s: the
--          earliest and latest start, s; median_strength
SELECT
    events.image_id,
    images.source_path,
    events.roi_id,
    events.channel,
    events.event_type,
    count(*) AS n_events,
    min(events.t_start_s) AS first_s,
    max(events.t_start_s) AS last_s,
    median(nullif(events.strength, 'NaN'::DOUBLE)) AS median_strength
FROM kym_velocity_events AS events
LEFT JOIN kym_images AS images USING (image_id)
WHERE $image_id::VARCHAR IS NULL OR events.image_id = $image_id
GROUP BY ALL
ORDER BY
    images.source_path, events.image_id, events.roi_id, events.channel, events.event_type
