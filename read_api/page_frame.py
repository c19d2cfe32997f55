"""The frame of every page made here: one look, light and dark, screen and paper. Pure.

Nothing is fetched from anywhere, and no script runs: `HEADERS` make the browser hold us to it.
Whoever fills the frame escapes what is not his own.
"""

from html import escape
from typing import Final

HEADERS: Final = (
    (b"content-type", b"text/html; charset=utf-8"),
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
        b"frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)

_LIGHT: Final = (
    "--ink:#1c2127;--soft:#5a6570;--line:#dde1e6;--wash:#f4f6f8;--paper:#fff;--accent:#0a58a8;"
    "--good:#17703c;--bad:#a3341f"
)
_DARK: Final = (
    "--ink:#e7eaee;--soft:#9ba7b4;--line:#323941;--wash:#1d2228;--paper:#13161a;--accent:#83bcf7;"
    "--good:#6fd39a;--bad:#f29b87"
)
_STYLE: Final = (
    f":root{{color-scheme:light dark;{_LIGHT}}}"
    f"@media (prefers-color-scheme:dark){{:root{{{_DARK}}}}}"
    "*{box-sizing:border-box}"
    "body{font:1rem/1.55 system-ui,-apple-system,'Segoe UI',Roboto,'Liberation Sans',sans-serif;"
    "max-width:60rem;margin:0 auto;padding:2.5rem 1.25rem 4rem;color:var(--ink);"
    "background:var(--paper);overflow-wrap:anywhere}"
    "h1{font-size:1.75rem;line-height:1.2;margin:0 0 .5rem;letter-spacing:-.01em}"
    "h2{font-size:1.15rem;margin:2.5rem 0 .5rem}"
    "p{margin:.4rem 0}a{color:var(--accent)}"
    "code,pre{font-family:ui-monospace,'SF Mono',Menlo,Consolas,'Liberation Mono',monospace;"
    "font-size:.875em}"
    "code{background:var(--wash);padding:.1em .3em;border-radius:4px}"
    "pre{background:var(--wash);border:1px solid var(--line);border-radius:6px;padding:.75rem 1rem;"
    "overflow-x:auto;line-height:1.45;margin:.5rem 0;overflow-wrap:normal}"
    "table{border-collapse:collapse;width:100%;margin:.5rem 0}"
    "th,td{text-align:left;vertical-align:top;padding:.45rem .75rem .45rem 0;"
    "border-bottom:1px solid var(--line)}"
    "th{color:var(--soft);font-weight:600;font-size:.8125rem}"
    ".soft{color:var(--soft)}"
    f"@media print{{:root{{color-scheme:light;font-size:12px;{_LIGHT}}}"
    "body{max-width:none;padding:0}a{color:inherit;text-decoration:none}"
    "thead{display:table-header-group}tr,dl,figure{break-inside:avoid}"
    "h2{break-after:avoid}@page{margin:16mm 14mm}}"
)


def page(title: str, content: str, style: str = "") -> str:
    """A whole page; `content` and `style` are HTML and CSS as they stand."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}{style}</style></head>"
        f"<body>{content}</body></html>"
    )
