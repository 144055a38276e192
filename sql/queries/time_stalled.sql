-- How long each region of each image was stalled.
-- A stall is what a person called a true stall, or a candidate that nobody has reviewed. Where
-- two overlap, the time counts once. A drop without a recorded end lasts at most until the next
-- rise in the same region and channel, or else to the end of the recording.
-- Tables   kym_images, kym_velocity_events
-- Params   reviewed_only  boolean  = false  only true stalls, no candidates
-- Output   image_id; source_path; roi_id, NULL for an image without stalls; n_stalls; n_open of them
--          without an end; stalled_s of those with one; stalled_at_most_s of all; and both as
--          percentages of the recording: stalled_percent, stalled_at_most_percent
WITH stalls AS (
    SELECT
        events.image_id,
        events.roi_id,
        events.t_start_s AS from_s,
        coalesce(events.t_end_s, events.t_start_s + events.duration_s) AS to_s,
        (
            SELECT min(rises.t_start_s)
            FROM kym_velocity_events AS rises
            WHERE
                rises.event_type = 'baseline_rise'
                AND rises.image_id = events.image_id
                AND rises.roi_id = events.roi_id
                AND rises.channel = events.channel
                AND rises.t_start_s > events.t_start_s
        ) AS rise_s
    FROM kym_velocity_events AS events
    WHERE
        events.user_type = 'true_stall'
        OR (
            NOT $reviewed_only::BOOLEAN
            AND events.machine_type = 'stall_candidate'
            AND coalesce(events.user_type, '') IN ('', 'unreviewed')
        )
),

spans AS (
    SELECT image_id, roi_id, true AS ended, from_s, to_s
    FROM stalls
    UNION ALL
    SELECT image_id, roi_id, false, from_s, coalesce(to_s, rise_s, kym_images.duration_s)
    FROM stalls
    JOIN kym_images USING (image_id)
),

fresh AS (
    -- The time that each span adds to those that began before it.
    SELECT
        image_id,
        roi_id,
        ended,
        to_s - greatest(from_s, max(to_s) OVER earlier) AS seconds
    FROM spans
    WHERE to_s > from_s
    WINDOW earlier AS (
        PARTITION BY image_id, roi_id, ended
        ORDER BY from_s, to_s
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    )
),

summed AS (
    SELECT
        image_id,
        roi_id,
        coalesce(sum(seconds) FILTER (ended AND seconds > 0), 0) AS stalled_s,
        coalesce(sum(seconds) FILTER (NOT ended AND seconds > 0), 0) AS stalled_at_most_s
    FROM fresh
    GROUP BY image_id, roi_id
),

counted AS (
    SELECT image_id, roi_id, count(*) AS n_stalls, count(*) FILTER (to_s IS NULL) AS n_open
    FROM stalls
    GROUP BY image_id, roi_id
)

SELECT
    kym_images.image_id,
    kym_images.source_path,
    counted.roi_id,
    coalesce(counted.n_stalls, 0) AS n_stalls,
    coalesce(counted.n_open, 0) AS n_open,
    coalesce(summed.stalled_s, 0) AS stalled_s,
    coalesce(summed.stalled_at_most_s, 0) AS stalled_at_most_s,
    100 * coalesce(summed.stalled_s, 0) / kym_images.duration_s AS stalled_percent,
    100 * coalesce(summed.stalled_at_most_s, 0) / kym_images.duration_s AS stalled_at_most_percent
FROM kym_images
LEFT JOIN counted ON kym_images.image_id = counted.image_id
LEFT JOIN summed
    ON counted.image_id = summed.image_id AND counted.roi_id IS NOT DISTINCT FROM summed.roi_id
ORDER BY stalled_at_most_s DESC, kym_images.source_path, kym_images.image_id, counted.roi_id
