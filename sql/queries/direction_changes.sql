-- In which traces the flow goes both ways, those with most of it against the main direction first.
-- The main direction is that of the median velocity. Single windows against it are noise as a rule:
-- what is listed has at least a share of them.
-- Tables   kym_images, kym_velocity
-- Params   least_percent  number, %  = 5  share of velocities against the main direction
-- Output   image_id; source_path; roi_id; channel; main_direction, 1 or -1; against_percent of the
--          velocities other than 0; q05_velocity, median_velocity, q95_velocity, mm/s;
--          image_goes_both_ways: whether traces of this image differ in their main direction
-- Units    against_percent %, q05_velocity mm/s, median_velocity mm/s, q95_velocity mm/s
-- Plot     bar, x=source_path, y=against_percent
WITH directions AS (
    SELECT
        *,
        max(direction) OVER of_image > 0 AND min(direction) OVER of_image < 0 AS both_ways
    FROM kym_velocity
    WINDOW of_image AS (PARTITION BY image_id)
)

SELECT
    directions.image_id,
    kym_images.source_path,
    directions.roi_id,
    directions.channel,
    directions.direction AS main_direction,
    100 * directions.against_fraction AS against_percent,
    directions.q05_velocity,
    directions.median_velocity,
    directions.q95_velocity,
    coalesce(directions.both_ways, false) AS image_goes_both_ways
FROM directions
LEFT JOIN kym_images ON directions.image_id = kym_images.image_id
WHERE
    isfinite(directions.against_fraction)
    AND 100 * directions.against_fraction >= $least_percent
ORDER BY
    against_percent DESC,
    kym_images.source_path NULLS LAST,
    directions.image_id,
    directions.roi_id,
    directions.channel
