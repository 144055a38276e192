-- Which events are the strongest: a list to begin a review with.
-- The events that count, see kym_events.
-- Tables   kym_images, kym_events
-- Params   limit            integer  = 20    how many
--          unreviewed_only  boolean  = true  only those that nobody has reviewed
--          event_type       text     = NULL  only events of this type
-- Output   image_id; source_path; roi_id; channel; event_id; event_type; t_start_s; peak_t_s;
--          strength, those of no finite one last; baseline_before, baseline_after, mm/s; user_type;
--          note
-- Units    t_start_s s, peak_t_s s, baseline_before mm/s, baseline_after mm/s
-- Plot     scatter, x=peak_t_s, y=strength, colour=event_type
SELECT
    events.image_id,
    images.source_path,
    events.roi_id,
    events.channel,
    events.event_id,
    events.event_type,
    events.t_start_s,
    events.peak_t_s,
    events.strength,
    events.baseline_before,
    events.baseline_after,
    events.user_type,
    events.note
FROM kym_events AS events
LEFT JOIN kym_images AS images USING (image_id)
WHERE
    (NOT $unreviewed_only::BOOLEAN OR coalesce(events.user_type, '') IN ('', 'unreviewed'))
    AND ($event_type::VARCHAR IS NULL OR events.event_type = $event_type)
ORDER BY
    CASE WHEN isfinite(events.strength) THEN events.strength END DESC NULLS LAST,
    images.source_path,
    events.image_id,
    events.roi_id,
    events.t_start_s,
    events.event_id
LIMIT $limit::BIGINT
