"""Headers that tell browsers how little these pages need: own files only, no frames, no inline code."""

from __future__ import annotations

from flask import Flask, Response

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "frame-src": "'self'",
    "form-action": "'self'",
    "manifest-src": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
# A creative is an advertiser's HTML: shown in a sandbox without scripts, forms, or anything from elsewhere.
PREVIEW = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; sandbox; frame-ancestors 'self'"


def install(app: Flask, *, payment_hosts: str = "") -> None:
    """Add the headers to each reply; a page that needs other ones has set them already."""
    policy = dict(POLICY)
    if payment_hosts:  # browsers apply form-action to the redirect that follows a form
        policy["form-action"] += f" {payment_hosts}"
    written = "; ".join(f"{name} {value}" for name, value in policy.items())

    @app.after_request
    def protect(reply: Response) -> Response:
        reply.headers.setdefault("Content-Security-Policy", written)
        reply.headers.setdefault("X-Content-Type-Options", "nosniff")
        reply.headers.setdefault("Referrer-Policy", "same-origin")
        reply.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        reply.headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
        if reply.mimetype == "text/html":
            reply.headers.setdefault("Cache-Control", "no-store")
        return reply
