"""A CRM on this machine that answers crm.item.list as Bitrix24 documents it, and misbehaves when told to."""

import json
import threading
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice

KINDS = {1: "lead", 2: "deal", 3: "contact", 4: "company"}


class Crm:
    """Records by kind and id. `faults` are answers to give instead, one a request: (status, headers, body)."""

    def __init__(self, clock):
        self.records = {kind: {} for kind in KINDS.values()}
        self.faults = []
        self.requests = []  # (ms, kind, ids)
        self.rule = None  # given kind and ids, an answer to give instead, or None
        self.during = None  # called while a request is under way
        self._clock = clock
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"crm": self}))
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/rest/1/canary-code/"

    def put(self, kind, number, **fields):
        self.records[kind][number] = {"id": number, **fields}

    def answer(self, body):
        kind, wanted = KINDS[body["entityTypeId"]], body["filter"]
        ids = [int(one) for one in wanted["@id"]] if "@id" in wanted else self._changed(kind, wanted)
        self.requests.append((self._clock(), kind, ids))
        found = [dict(self.records[kind][one]) for one in ids if one in self.records[kind]]
        if self.during:
            self.during(kind, ids)
        if self.rule and (instead := self.rule(kind, ids)):
            return instead
        if self.faults:
            return self.faults.pop(0)
        return 200, {}, json.dumps({"result": {"items": found}, "total": len(found)}).encode()

    def _changed(self, kind, wanted):
        """Return the ids of a page of 50: those behind the last one that changed since a time."""
        since = datetime.fromisoformat(wanted[">=updatedTime"]) if ">=updatedTime" in wanted else None
        last = int(wanted.get(">id", 0))
        changed = (
            number
            for number, record in sorted(self.records[kind].items())
            if number > last and (since is None or datetime.fromisoformat(record["updatedTime"]) >= since)
        )
        return list(islice(changed, 50))

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, headers, content = self.crm.answer(body)
        self.send_response(status)
        for name, text in {"Content-Type": "application/json", "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass
