-- Values that formats trip over, one kind a column.
-- Output   one row of each kind of trouble, then plain values, then nulls
SELECT
    *
FROM (
    VALUES
        (
            1::HUGEINT, 'nan'::DOUBLE, 1.50::DECIMAL(38, 2), true,
            'tab' || chr(9) || 'line' || chr(10) || 'two' || chr(13) || chr(10) || 'quote" comma, semi;',
            chr(27) || '[31mred' || chr(27) || ']0;title' || chr(7) || chr(8) || chr(0) || chr(8238) || chr(8232),
            '<b>&amp;</b> [bold]x[/bold] *s* _u_ `c` a|b \ ~~z~~ kym_images',
            DATE '2024-02-29', TIMESTAMP '2024-02-29 23:59:59.000001', TIMESTAMPTZ '2024-02-29 23:59:59+00',
            TIME '00:00:00.5', INTERVAL '14 months 3 days 04:05:06.7', '\x00\xFFabc'::BLOB,
            [1.5, NULL, 'inf'::DOUBLE], {'a': 1, 'b': 'x,"y"', 'c': [DATE '2024-01-01']},
            MAP {'k': 1}, 'low'::ENUM ('low', 'high'), union_value(number := 1)
        ),
        (
            170141183460469231731687303715884105727::HUGEINT, '-inf'::DOUBLE,
            123456789012345678901234567890123456.78::DECIMAL(38, 2), false,
            '', ' spaces ', '=1+1', DATE '0001-01-01', TIMESTAMP '1969-12-31 00:00:00',
            TIMESTAMPTZ '2024-07-01 12:00:00+00', TIME '23:59:59', INTERVAL '-1 hours', ''::BLOB,
            [], {'a': NULL, 'b': NULL, 'c': NULL}, MAP {}, 'high', NULL
        ),
        (
            -5::HUGEINT, 0.1::DOUBLE + 0.2::DOUBLE, -0.01::DECIMAL(38, 2), NULL,
            '日本語のとても長いセル 🩸 é', 'null', '123', DATE '2024-12-31',
            TIMESTAMP '2024-12-31 00:00:00', TIMESTAMPTZ '2024-12-31 00:00:00+00', TIME '12:00:00',
            INTERVAL '0 days', 'abc'::BLOB, [1e300], {'a': 2, 'b': '', 'c': []}, MAP {'é': NULL}, 'low', NULL
        ),
        (
            NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
        )
) AS hostile (
    whole, "real", exact, flag, lines, escapes, markup, day, stamp, zoned, clock, span, bytes,
    list, struct, map, kind, "either|or"
)
