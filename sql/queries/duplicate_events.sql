-- Which events may be the same one recorded twice.
-- Tables   kym_images, kym_velocity_events
-- Params   within_s  number, s  = 0.05  how far apart the starts of one event may be
-- Output   image_id; source_path; roi_id; channel; event_type; event_id and other_id of the two;
--          t_start_s of the first; apart_s: how much later the other starts
WITH numbered AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY image_id, roi_id, channel, event_type ORDER BY t_start_s, event_id
        ) AS place
    FROM kym_velocity_events
    WHERE t_start_s IS NOT NULL
)

SELECT
    a.image_id,
    images.source_path,
    a.roi_id,
    a.channel,
    a.event_type,
    a.event_id,
    b.event_id AS other_id,
    a.t_start_s,
    b.t_start_s - a.t_start_s AS apart_s
FROM numbered AS a
JOIN numbered AS b
    ON
        a.image_id = b.image_id
        AND a.roi_id IS NOT DISTINCT FROM b.roi_id
        AND a.channel IS NOT DISTINCT FROM b.channel
        AND a.event_type IS NOT DISTINCT FROM b.event_type
        AND a.place < b.place
        AND b.t_start_s - a.t_start_s <= $within_s::DOUBLE
LEFT JOIN kym_images AS images ON a.image_id = images.image_id
ORDER BY images.source_path, a.image_id, a.roi_id, a.channel, a.t_start_s, a.event_id, b.event_id
