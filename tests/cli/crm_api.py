"""A CRM's API as a real server on this machine: Bitrix24's `crm.item.list`, as far as the command asks it."""

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

CODE = "canary-rest-code"  # the key is in the path
KINDS = {1: "lead", 2: "deal", 3: "contact", 4: "company"}
PAGE = 50


def contact(number, *, phone=True, name=None, **more):
    """A contact as `crm.item.list` gives it; every number is plainly fake."""
    fm = [{"id": number, "valueType": "WORK", "value": f"+38067000{number:04}", "typeId": "PHONE"}] if phone else []
    return {
        "id": number,
        "name": f"Олена {number}" if name is None else name,
        "lastName": "Коваль" if name is None else "",
        "entityTypeId": 3,
        "assignedById": 1,
        "companyId": 0,
        "companyIds": [],
        "updatedTime": "2026-03-01T10:00:00+02:00",
        "fm": fm,
        **more,
    }


def company(number, **more):
    """A company as `crm.item.list` gives it."""
    return {
        "id": number,
        "title": f"Рога {number}",
        "entityTypeId": 4,
        "assignedById": 1,
        "updatedTime": "2026-03-01T10:00:00+02:00",
        **more,
    }


class Crm:
    """What the server holds and was asked.

    `faults` are answers given instead of its own, in turn: (status, headers, body), or None for its own.
    """

    def __init__(self):
        self.records = {kind: [] for kind in KINDS.values()}
        self.asked = []
        self.faults = []
        self.code = CODE
        self.endless = False  # always the first page
        self.counted = None  # what is answered in place of a number of records
        self.url = ""

    @property
    def api_url(self):
        return f"{self.url}/rest/1/{CODE}/"

    def answer(self, path, sent):
        if path.endswith(f"/{self.code}/crm.item.list.json") and "start" not in sent:
            return self.counted or (200, {}, {"result": {"items": []}, "total": len(self.found(sent))})
        self.asked.append((path.rpartition("/")[2], sent))
        fault = self.faults.pop(0) if self.faults else None
        if fault:
            return fault
        if f"/{self.code}/" not in path:
            return 401, {}, {"error": "NO_AUTH_FOUND", "error_description": "Wrong authorization data"}
        if not path.endswith("crm.item.list.json"):
            return 200, {}, {"result": {"ID": "1", "ADMIN": True}, "time": {}}
        return 200, {}, {"result": {"items": self.page(sent)}, "time": {"operating": 0.1}}

    def page(self, sent):
        return self.found(sent)[:PAGE]

    def found(self, sent):
        records, chosen = self.records[KINDS[sent["entityTypeId"]]], sent.get("filter", {})
        after = 0 if self.endless else int(chosen.get(">id", 0))
        ids = [int(each) for each in chosen.get("@id", [])]
        since = chosen.get(">=updatedTime", "")
        return [
            record
            for record in sorted(records, key=lambda record: record["id"])
            if record["id"] > after and (not ids or record["id"] in ids) and record["updatedTime"] >= since
        ]


@contextmanager
def serving():
    """Run the server; the CRM's `url` is its address."""
    crm = Crm()

    class Api(BaseHTTPRequestHandler):
        def do_POST(self):
            length = int(self.headers.get("content-length") or 0)
            status, headers, body = crm.answer(self.path, json.loads(self.rfile.read(length) or b"{}"))
            text = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(text)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    crm.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield crm
    server.shutdown()
    server.server_close()
    thread.join()
