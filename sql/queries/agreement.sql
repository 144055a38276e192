-- How far each two reviewers agree on the events that both judged.
-- Detected events are the same by their ids. Of added ones each reviewer has their own: two are the
-- same if each is the nearest of the other's, and they overlap or are no further apart than
-- within_s. Kappa is the agreement beyond chance (Cohen, 1960), with the standard error given
-- there; both are null where chance alone would agree on everything.
-- Tables   kym_reviews
-- Params   within_s  number, s  = 0.25  how far apart two added events may be and be the same
-- Output   reviewer_a; reviewer_b; n_both events that both judged; n_agreed; agreed_percent; kappa;
--          se_kappa
-- Units    agreed_percent %
-- Plot     bar, x=reviewer_a, y=kappa, colour=reviewer_b
WITH judged AS (
    SELECT
        *,
        coalesce(roi_id, 1) AS roi,
        coalesce(channel, 1) AS own_channel,
        coalesce(t_end_s, t_start_s) AS ends_s
    FROM kym_reviews
    WHERE verdict IS NOT NULL AND reviewer <> 'external'
),

near AS (
    SELECT
        a.reviewer AS reviewer_a,
        b.reviewer AS reviewer_b,
        a.verdict AS verdict_a,
        b.verdict AS verdict_b,
        row_number() OVER (
            PARTITION BY a.reviewer, b.reviewer, a.image_id, a.roi, a.own_channel, a.event_id
            ORDER BY abs(a.t_start_s - b.t_start_s), b.event_id
        ) AS place_of_b,
        row_number() OVER (
            PARTITION BY a.reviewer, b.reviewer, b.image_id, b.roi, b.own_channel, b.event_id
            ORDER BY abs(a.t_start_s - b.t_start_s), a.event_id
        ) AS place_of_a
    FROM judged AS a
    INNER JOIN judged AS b
        ON
            a.image_id = b.image_id
            AND a.roi = b.roi
            AND a.own_channel = b.own_channel
            AND a.reviewer < b.reviewer
            AND a.added
            AND b.added
            AND a.event_id <> b.event_id
    WHERE greatest(a.t_start_s, b.t_start_s) - least(a.ends_s, b.ends_s) <= $within_s
),

pairs AS (
    SELECT
        a.reviewer AS reviewer_a,
        b.reviewer AS reviewer_b,
        a.verdict AS verdict_a,
        b.verdict AS verdict_b
    FROM judged AS a
    INNER JOIN judged AS b
        ON
            a.image_id = b.image_id
            AND a.roi = b.roi
            AND a.own_channel = b.own_channel
            AND a.event_id = b.event_id
            AND a.reviewer < b.reviewer
    UNION ALL
    SELECT reviewer_a, reviewer_b, verdict_a, verdict_b
    FROM near
    WHERE place_of_a = 1 AND place_of_b = 1
),

observed AS (
    SELECT
        reviewer_a,
        reviewer_b,
        count(*) AS n_both,
        count(*) FILTER (WHERE verdict_a = verdict_b) AS n_agreed
    FROM pairs
    GROUP BY ALL
),

-- A pair of reviewers and a verdict: how often each of the two gave it.
given AS (
    SELECT reviewer_a, reviewer_b, verdict, sum(by_a) AS n_a, sum(by_b) AS n_b
    FROM (
        SELECT reviewer_a, reviewer_b, verdict_a AS verdict, 1 AS by_a, 0 AS by_b FROM pairs
        UNION ALL
        SELECT reviewer_a, reviewer_b, verdict_b, 0, 1 FROM pairs
    )
    GROUP BY ALL
),

shares AS (
    SELECT
        observed.reviewer_a,
        observed.reviewer_b,
        any_value(n_both) AS n_both,
        any_value(n_agreed) AS n_agreed,
        any_value(n_agreed) / any_value(n_both) AS p,
        sum(n_a * n_b) / any_value(n_both) ** 2 AS by_chance
    FROM observed
    INNER JOIN given
        ON observed.reviewer_a = given.reviewer_a AND observed.reviewer_b = given.reviewer_b
    GROUP BY observed.reviewer_a, observed.reviewer_b
)

SELECT
    reviewer_a,
    reviewer_b,
    n_both,
    n_agreed,
    100 * p AS agreed_percent,
    (p - by_chance) / nullif(1 - by_chance, 0) AS kappa,
    sqrt(p * (1 - p) / n_both) / nullif(1 - by_chance, 0) AS se_kappa
FROM shares
ORDER BY reviewer_a, reviewer_b
