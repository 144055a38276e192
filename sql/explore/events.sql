-- Show all events with the file and the condition of their image, rejected ones included.
-- Inputs     kym_velocity_events
-- Fragments  {images}    relation with image_id, source_path and condition, as kym_images
--            {rejected}  whether a person rejected an event
-- Output     image_id; source_path; condition; and the columns of events that people read
SELECT
    kym_velocity_events.image_id,
    images.source_path,
    images.condition,
    roi_id,
    channel,
    event_id,
    event_type,
    t_start_s,
    peak_t_s,
    t_end_s,
    kym_velocity_events.duration_s,
    strength,
    score,
    candidate,
    user_type,
    {rejected} AS rejected,
    kym_velocity_events.note
FROM kym_velocity_events
LEFT JOIN {images} AS images USING (image_id)
