-- Show the images of a dataset whose events are not indexed.
-- Inputs  kym_images
-- Output  as of explore/images; n_events and n_reviewed are null
SELECT
    image_id,
    source_path,
    NULL::BIGINT AS n_events,
    NULL::BIGINT AS n_reviewed,
    kym_images.* EXCLUDE (image_id, source_path)
FROM kym_images
