"""Receives `journalEntryPosted`, checks its signature with the `standardwebhooks` library, and adds
up what was posted by kind; each entry once, however often it comes.

    WEBHOOK_SECRET=whsec_... python3 consumer.py PORT
"""

import json
import os
import sqlite3
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

MOST_BYTES = 65_536
books = sqlite3.connect("seen.db", check_same_thread=False, isolation_level=None)
books.execute("create table if not exists seen (journal_entry_id text primary key, kind text)")
secret = Webhook(os.environ["WEBHOOK_SECRET"])


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), MOST_BYTES))
        try:
            secret.verify(body, dict(self.headers))
        except WebhookVerificationError as reason:
            self._answer(400, str(reason))
            return
        event = json.loads(body)
        # Before the answer: what was acknowledged does not come again.
        books.execute(
            "insert or ignore into seen values (?, ?)",
            (event["journal_entry_id"], event["event_type"]),
        )
        self._answer(204)

    def do_GET(self) -> None:
        counts = dict(books.execute("select kind, count(*) from seen group by kind order by kind"))
        self._answer(200, json.dumps(counts))

    def _answer(self, status: int, text: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())


server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver)
print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
server.serve_forever()
