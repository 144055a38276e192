-- Show the images with how many events count in each, and how many of those were reviewed.
-- Inputs  kym_images, kym_events
-- Output  image_id; source_path; n_events; n_reviewed; and the other columns of kym_images
WITH per_image AS (
    SELECT
        image_id,
        count(*) AS n_events,
        count(*) FILTER (coalesce(nullif(user_type, ''), 'unreviewed') <> 'unreviewed')
            AS n_reviewed
    FROM kym_events
    GROUP BY image_id
)

SELECT
    kym_images.image_id,
    kym_images.source_path,
    coalesce(per_image.n_events, 0) AS n_events,
    coalesce(per_image.n_reviewed, 0) AS n_reviewed,
    kym_images.* EXCLUDE (image_id, source_path)
FROM kym_images
LEFT JOIN per_image USING (image_id)
