-- Show all events of a dataset whose images are not indexed, rejected ones included.
-- Inputs  kym_velocity_events
-- Output  as of explore/events; source_path and condition are null
SELECT
    image_id,
    NULL::VARCHAR AS source_path,
    NULL::VARCHAR AS condition,
    roi_id,
    channel,
    event_id,
    event_type,
    t_start_s,
    peak_t_s,
    t_end_s,
    duration_s,
    strength,
    score,
    candidate,
    user_type,
    {rejected} AS rejected,
    note
FROM kym_velocity_events
