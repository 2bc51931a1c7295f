"""A log-in to somebody's IMAP server (RFC 9051), and the little that both of its uses share."""

from __future__ import annotations

import contextlib
import imaplib
import re
import socket
import ssl
from collections.abc import Iterator

from broker.kernel.errors import Unavailable

SECONDS = 30.0
FAULTS = (imaplib.IMAP4.error, OSError)
_LISTED = re.compile(rb'\((?P<flags>[^)]*)\) (?:"[^"]*"|NIL) (?P<name>.+)')


@contextlib.contextmanager
def logged_in(
    host: str, port: int, tls: bool, user: str, password: str, *, connect_to: str = ""
) -> Iterator[imaplib.IMAP4]:
    """A connection that is logged in and ends with the block. Raises `Unavailable` without the server's words.

    `connect_to`: the very network address to go to, where `host` was looked up before; the certificate is `host`'s.
    """
    try:
        client: imaplib.IMAP4 = (
            _Secure(host, port, connect_to) if tls else imaplib.IMAP4(connect_to or host, port, SECONDS)
        )
    except FAULTS as error:
        raise Unavailable(f"{host}:{port} does not answer as an IMAP server.", code="imap_unreachable") from error
    try:
        try:
            client.login(user, password)
        except FAULTS as error:
            raise Unavailable(f"{host}:{port} refuses the account or its password.", code="imap_refused") from error
        yield client
    finally:
        with contextlib.suppress(*FAULTS):
            client.logout()


def quoted(folder: str) -> str:
    """A folder's name as an IMAP string."""
    return '"' + folder.replace("\\", "\\\\").replace('"', '\\"') + '"'


def folders_of(client: imaplib.IMAP4) -> list[tuple[str, frozenset[str]]]:
    """(name, flags in lower case) of the folders that hold messages."""
    _, lines = client.list()
    found = []
    for line in lines or []:
        match = _LISTED.match(line) if isinstance(line, bytes) else None
        if match:
            flags = frozenset(match["flags"].decode("ascii", "replace").lower().split())
            name = match["name"].decode("utf-8", "replace").strip().strip('"')
            if "\\noselect" not in flags:
                found.append((name, flags))
    return found


class _Secure(imaplib.IMAP4_SSL):
    """TLS from the first byte; the certificate is checked against the name, whichever address is gone to."""

    def __init__(self, host: str, port: int, connect_to: str) -> None:
        self._connect_to = connect_to or host
        super().__init__(host, port, ssl_context=ssl.create_default_context(), timeout=SECONDS)

    def _create_socket(self, timeout: float | None) -> ssl.SSLSocket:
        plain = socket.create_connection((self._connect_to, self.port), timeout)
        secure: ssl.SSLSocket = self.ssl_context.wrap_socket(plain, server_hostname=self.host)
        return secure
