"""Charts drawn on the server as SVG: no script, the same bytes for the same figures."""
