-- How fast the cells move in each group of images.
-- The speed of a trace is the median of its windows' speeds: a few windows near the fastest speed
-- that can be measured would carry a mean away. That of an image is the mean of its ROIs and
-- channels, and that of a group the mean of its images, each counted once. Images without a velocity
-- are left out and counted.
-- Tables   kym_images, kym_velocity
-- Params   by  column of kym_images  = condition  what groups the images
-- Output   group; n_images; n_traces; mean_speed, sem_speed: mean and standard error of the images'
--          speeds; median_speed, min_speed, max_speed of them, mm/s; n_left_out: images that don't
--          count
-- Units    group {by}, mean_speed mm/s, sem_speed mm/s, median_speed mm/s, min_speed mm/s,
--          max_speed mm/s
-- Plot     bar, x=group, y=mean_speed
WITH of_images AS (
    SELECT
        kym_images.image_id,
        any_value({by}) AS "group",
        count(kym_velocity.median_speed) FILTER (WHERE isfinite(kym_velocity.median_speed)) AS n_traces,
        avg(kym_velocity.median_speed) FILTER (WHERE isfinite(kym_velocity.median_speed)) AS speed
    FROM kym_images
    LEFT JOIN kym_velocity ON kym_images.image_id = kym_velocity.image_id
    GROUP BY kym_images.image_id
)

SELECT
    "group",
    count(speed) AS n_images,
    sum(n_traces)::BIGINT AS n_traces,
    avg(speed) AS mean_speed,
    stddev_samp(speed) / sqrt(count(speed)) AS sem_speed,
    median(speed) AS median_speed,
    min(speed) AS min_speed,
    max(speed) AS max_speed,
    count(*) - count(speed) AS n_left_out
FROM of_images
GROUP BY "group"
ORDER BY "group" NULLS LAST
