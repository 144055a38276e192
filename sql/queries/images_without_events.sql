-- Which images have no events, and why.
-- Tables   kym_images, kym_velocity_events, kym_velocity_events_params, kym_velocity_events_runs
-- Params   event_type  text  = NULL  without events of this type
-- Output   image_id; source_path; duration_s; why: `none found` by the analysis, `never analysed`,
--          `failed` to be indexed, or `not indexed`; error, where it failed
SELECT
    images.image_id,
    images.source_path,
    images.duration_s,
    CASE
        WHEN runs.image_id IS NULL THEN 'not indexed'
        WHEN runs.status = 'failed' THEN 'failed'
        WHEN params.params = 'null' THEN 'never analysed'
        ELSE 'none found'
    END AS why,
    runs.error
FROM kym_images AS images
LEFT JOIN kym_velocity_events_runs AS runs USING (image_id)
LEFT JOIN kym_velocity_events_params AS params ON runs.params_hash = params.params_hash
WHERE NOT EXISTS (
    SELECT 1
    FROM kym_velocity_events AS events
    WHERE
        events.image_id = images.image_id
        AND ($event_type::VARCHAR IS NULL OR events.event_type = $event_type)
)
ORDER BY why, images.source_path, images.image_id
