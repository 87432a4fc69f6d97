"""The server that `rag page` runs: Streamlit, and what a browser may load from its pages.

The policy lets pages load from their own address only. `blob:` scripts are how Streamlit runs our own
components; styles are written into the page by Streamlit itself, so that they cannot be forbidden.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui import loading

_INLINE = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


def policy(page: bytes) -> str:
    """Return the content security policy; the scripts written into this page may run, no others."""
    hashes = (hashlib.sha256(script).digest() for script in _INLINE.findall(page))
    inline = "".join(f" 'sha256-{base64.b64encode(digest).decode()}'" for digest in hashes)
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' blob:{inline}",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "worker-src 'self' blob:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


class Guard:
    """Sends the policy with every reply."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        page = Path(st.__file__).parent / "static" / "index.html"
        self._headers = [
            (b"content-security-policy", policy(page.read_bytes()).encode()),
            (b"referrer-policy", b"no-referrer"),
            (b"x-content-type-options", b"nosniff"),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the headers to what the app sends."""

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *self._headers]
            await send(message)

        await self._app(scope, receive, guarded)


loading.begin_soon()
app = st.App(Path(__file__).with_name("app.py"), middleware=[Middleware(Guard)])
