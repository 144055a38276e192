-- What reviewers say of events now, the newest first; `kymflow review log` has all that was said.
-- Tables   kym_images, kym_reviews
-- Params   reviewer  text     = NULL  only this reviewer's
--          limit     integer  = 100   how many to list
-- Output   decided_at, UTC; reviewer; image_id; source_path; roi_id; channel; event_id; t_start_s,
--          s; verdict; settled; note; n_decisions of this reviewer on the event
-- Units    t_start_s s
-- Plot     scatter, x=decided_at, y=n_decisions, colour=reviewer
SELECT
    kym_reviews.decided_at,
    kym_reviews.reviewer,
    kym_reviews.image_id,
    kym_images.source_path,
    kym_reviews.roi_id,
    kym_reviews.channel,
    kym_reviews.event_id,
    kym_reviews.t_start_s,
    kym_reviews.verdict,
    kym_reviews.settled,
    kym_reviews.note,
    kym_reviews.n_decisions
FROM kym_reviews
LEFT JOIN kym_images ON kym_reviews.image_id = kym_images.image_id
WHERE $reviewer::VARCHAR IS NULL OR kym_reviews.reviewer = $reviewer
ORDER BY
    kym_reviews.decided_at DESC,
    kym_reviews.reviewer,
    kym_reviews.image_id,
    kym_reviews.roi_id,
    kym_reviews.channel,
    kym_reviews.event_id
LIMIT $limit
