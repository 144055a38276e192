-- Which images have no events, and why.
-- The events that count, see kym_events: an image with nothing but candidates has none.
-- Tables   kym_images, kym_analysed, kym_events, kym_velocity_events_params,
--          kym_velocity_events_runs
-- Params   event_type  text  = NULL  without events of this type
-- Output   image_id; source_path; duration_s; why: `none found` by the analysis, `never analysed`,
--          `failed` to be indexed, or `not indexed`; error, where it failed
-- Units    duration_s s
-- Plot     bar, x=why
SELECT
    images.image_id,
    images.source_path,
    images.duration_s,
    CASE
        WHEN images.image_id IN (SELECT image_id FROM kym_analysed) THEN 'none found'
        WHEN runs.status = 'failed' THEN 'failed'
        WHEN params.params = 'null' THEN 'never analysed'
        ELSE 'not indexed'
    END AS why,
    runs.error
FROM kym_images AS images
LEFT JOIN kym_velocity_events_runs AS runs ON images.image_id = runs.image_id
LEFT JOIN kym_velocity_events_params AS params ON runs.params_hash = params.params_hash
WHERE NOT EXISTS (
    SELECT 1
    FROM kym_events AS events
    WHERE
        events.image_id = images.image_id
        AND ($event_type::VARCHAR IS NULL OR events.event_type = $event_type)
)
ORDER BY why, images.source_path, images.image_id
