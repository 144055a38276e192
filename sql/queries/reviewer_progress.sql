-- How far each reviewer has come: what they judged, rejected, added and corrected.
-- Tables   kym_reviews
-- Output   reviewer; n_images; n_judged events with a verdict; n_rejected; n_added; n_edited;
--          n_settled; first_at, last_at: of the standing decisions, UTC
-- Plot     bar, x=reviewer, y=n_judged
SELECT
    reviewer,
    count(DISTINCT image_id) AS n_images,
    count(verdict) AS n_judged,
    count(*) FILTER (WHERE verdict = 'rejected') AS n_rejected,
    count(*) FILTER (WHERE added AND NOT removed) AS n_added,
    count(*) FILTER (WHERE edited) AS n_edited,
    count(settled) AS n_settled,
    min(decided_at) AS first_at,
    max(decided_at) AS last_at
FROM kym_reviews
GROUP BY reviewer
ORDER BY reviewer
