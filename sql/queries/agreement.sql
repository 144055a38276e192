-- How far each two reviewers agree on the events that both judged.
-- Detected events are the same by their ids; of events that each added, one is the other if they
-- overlap or are no further apart than within_s, see kym_verdict_pairs. Kappa is the agreement
-- beyond chance (Cohen, 1960), with the standard error given there; both are null where chance
-- alone would agree on everything.
-- Tables   kym_verdict_pairs
-- Params   within_s  number, s  = 0.25  how far apart two added events may be and be the same
-- Output   reviewer_a; reviewer_b; n_both events that both judged; n_agreed; agreed_percent; kappa;
--          se_kappa
-- Units    agreed_percent %
-- Plot     bar, x=reviewer_a, y=kappa, colour=reviewer_b
WITH pairs AS (
    SELECT reviewer_a, reviewer_b, verdict_a, verdict_b
    FROM kym_verdict_pairs
    WHERE apart_s <= $within_s
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
