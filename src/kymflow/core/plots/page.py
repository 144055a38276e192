"""A chart as an HTML page that holds all it needs, in which data stay data."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

_DRAW = """
const spec = JSON.parse(document.getElementById("spec").textContent);
const actions = {export: true, source: false, compiled: false, editor: false};
// Vega's interpreter instead of functions made of text, which the page's policy forbids.
vegaEmbed("#chart", spec, {mode: "vega-lite", ast: true, actions}).catch(console.error);
"""
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>kymflow</title>
<style>body {{ margin: 1rem }} #chart {{ width: 100% }}</style>
</head>
<body>
<div id="chart"></div>
<script type="application/json" id="spec">{spec}</script>
<script>{library}</script>
<script>{draw}</script>
</body>
</html>
"""


def page(spec: dict[str, Any]) -> str:
    """Return a page that draws a Vega-Lite specification, with tooltips and zoom.

    No text of the chart becomes markup or script: the specification is JSON without ``<``, and
    the page's Content Security Policy lets two scripts run, by their hashes, and loads nothing.
    """
    from vl_convert import javascript_bundle

    library = javascript_bundle()  # type: ignore[call-arg]  # its stub lacks the default
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src {_hash(library)} {_hash(_DRAW)}",
            "style-src 'unsafe-inline'",  # of Vega's tooltips; a style can't load anything here
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    return _PAGE.format(policy=policy, spec=_json(spec), library=library, draw=_DRAW)


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _json(spec: dict[str, Any]) -> str:
    """Return JSON that HTML takes for nothing else."""
    text = json.dumps(spec, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
