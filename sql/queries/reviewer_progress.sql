-- How far each reviewer has come: what they judged, rejected, added and corrected.
-- Tables   kym_images, kym_reviews
-- Params   by  column of kym_reviews, kym_images  = reviewer  what groups each reviewer's events
-- Output   reviewer; group; n_images; n_judged events with a verdict; n_rejected; n_added; n_edited;
--          n_settled; first_at, last_at: of the standing decisions, UTC
-- Units    group {by}
-- Plot     bar, x=reviewer, y=n_judged, colour=group
SELECT
    kym_reviews.reviewer,
    {by} AS "group",
    count(DISTINCT kym_reviews.image_id) AS n_images,
    count(kym_reviews.verdict) AS n_judged,
    count(*) FILTER (WHERE kym_reviews.verdict = 'rejected') AS n_rejected,
    count(*) FILTER (WHERE kym_reviews.added AND NOT kym_reviews.removed) AS n_added,
    count(*) FILTER (WHERE kym_reviews.edited) AS n_edited,
    count(kym_reviews.settled) AS n_settled,
    min(kym_reviews.decided_at) AS first_at,
    max(kym_reviews.decided_at) AS last_at
FROM kym_reviews
LEFT JOIN kym_images ON kym_reviews.image_id = kym_images.image_id
GROUP BY kym_reviews.reviewer, {by}
ORDER BY kym_reviews.reviewer, "group" NULLS LAST
