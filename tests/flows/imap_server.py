"""A small IMAP server over a real socket: one folder, enough of RFC 3501 for a reader that empties it."""

from __future__ import annotations

import re
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Folder:
    """Messages by UID, with their flags. `dies_before`: the command at which the server hangs up."""

    messages: dict[int, bytes] = field(default_factory=dict)
    flags: dict[int, set[str]] = field(default_factory=dict)
    validity: int = 7
    uidplus: bool = True
    dies_before: str = ""

    def add(self, raw: bytes) -> int:
        uid = max(self.messages, default=0) + 1
        self.messages[uid], self.flags[uid] = raw, set()
        return uid


class _Session(socketserver.StreamRequestHandler):
    folders: dict[str, Folder]
    folder: Folder

    def handle(self) -> None:
        self.folder = next(iter(self.folders.values()))
        self.say("* OK ready")
        for line in self.rfile:
            tag, _, rest = line.decode().strip().partition(" ")
            word = " ".join(rest.upper().split(" ")[: 2 if rest.upper().startswith("UID") else 1])
            if self.folder.dies_before and word.startswith(self.folder.dies_before):
                return
            if not self.answer(tag, word, rest):
                return

    def say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")

    def answer(self, tag: str, word: str, rest: str) -> bool:
        uids = [int(one) for one in re.findall(r"^UID \w+ (\d+)", rest)]
        ok = True
        if word == "CAPABILITY":
            self.say(f"* CAPABILITY IMAP4rev1{' UIDPLUS' if self.folder.uidplus else ''}")
        elif word == "LOGIN":
            ok = '"secret"' in rest or rest.endswith(" secret")
        elif word == "SELECT" or word == "EXAMINE":
            name = rest.split(" ", 1)[1].strip('"')
            ok = name in self.folders
            self.folder = self.folders.get(name, self.folder)
            self.say(f"* {len(self.folder.messages)} EXISTS")
            self.say(f"* OK [UIDVALIDITY {self.folder.validity}] valid")
        elif word == "LIST":
            for name in self.folders:
                self.say(f'* LIST ({chr(92)}Junk) "/" "{name}"' if name == "Spam" else f'* LIST () "/" "{name}"')
        elif word == "UID SEARCH":
            self.say("* SEARCH " + " ".join(map(str, self.search(rest))))
        elif word == "UID FETCH":
            self.fetch(uids, rest)
        elif word == "UID STORE":
            for uid in uids:
                self.folder.flags[uid] |= set(re.findall(r"\\(\w+)", rest))
        elif word in ("UID EXPUNGE", "EXPUNGE"):
            for uid in [one for one, flags in self.folder.flags.items() if "Deleted" in flags]:
                del self.folder.messages[uid], self.folder.flags[uid]
        elif word == "LOGOUT":
            self.say("* BYE")
        self.say(f"{tag} {'OK done' if ok else 'NO refused'}")
        return word != "LOGOUT"

    def search(self, rest: str) -> list[int]:
        wanted = re.search(r'HEADER "?MESSAGE-ID"? "([^"]+)"', rest, re.IGNORECASE)
        if wanted:
            return [uid for uid, raw in self.folder.messages.items() if wanted[1].encode() in raw]
        return [uid for uid in self.folder.messages if "Flagged" not in self.folder.flags[uid]]

    def fetch(self, uids: list[int], rest: str) -> None:
        for at, uid in enumerate(uids, start=1):
            raw = self.folder.messages.get(uid)
            if raw is None:
                continue
            if "SIZE" in rest:
                self.say(f"* {at} FETCH (UID {uid} RFC822.SIZE {len(raw)})")
            elif "INTERNALDATE" in rest:
                self.say(f'* {at} FETCH (UID {uid} INTERNALDATE "02-Nov-2026 09:00:40 +0000")')
            else:
                self.wfile.write(f"* {at} FETCH (UID {uid} BODY[] {{{len(raw)}}}\r\n".encode() + raw + b")\r\n")


@contextmanager
def imap_server(**folders: Folder) -> Iterator[int]:
    """Serve these folders (password `secret`); the port."""
    session = type("Session", (_Session,), {"folders": folders})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), session) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()
