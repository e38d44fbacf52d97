# SPDX-License-Identifier: Apache-2.0
"""A schema registry for the integration tests, and Avro by a third party (fastavro).

    registry.py serve FILE          serves; writes its address into FILE. Ids 1 and 2 hold the schema below, 2
                                    answers only after three seconds, 3 is unknown, 4 never answers
    registry.py make ID CUSTOMER WHAT FILE    one framed record of schema ID
    registry.py read URL            lines of hexadecimal bytes on stdin as JSON, by the schemas under URL
"""
import http.server
import io
import json
import os
import pathlib
import sys
import threading
import time
import urllib.request

SCHEMA = {"type": "record", "name": "Click", "fields": [
    {"name": "id", "type": "string"}, {"name": "what", "type": "string"}, {"name": "who", "type": "string"},
    {"name": "extra", "type": ["null", "double"], "default": None},
    {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}}]}
registered = []  # texts; the id of the first is 100
late = set()
lock = threading.Lock()


class Registry(http.server.BaseHTTPRequestHandler):
    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        number = int(self.path.rsplit("/", 1)[1])
        if number == 4:
            time.sleep(60)
        if number == 2 and number not in late:
            late.add(number)
            time.sleep(3 - 0.5)  # the client waits three seconds; where that was too long, it asks again
        if number in (1, 2):
            self.answer(200, {"schema": json.dumps(SCHEMA)})
        elif 100 <= number < 100 + len(registered):
            self.answer(200, {"schema": registered[number - 100]})
        else:
            self.answer(404, {"error_code": 40403, "message": "Schema not found"})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with lock:
            if body["schema"] not in registered:
                registered.append(body["schema"])
            self.answer(200, {"id": 100 + registered.index(body["schema"])})

    def log_message(self, *_words):
        pass


def serve(place):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    pathlib.Path(place + ".new").write_text(f"http://127.0.0.1:{server.server_port}", encoding="utf-8")
    os.rename(place + ".new", place)
    server.serve_forever()


def make(number, customer, what, place):
    out = io.BytesIO()
    out.write(b"\0" + int(number).to_bytes(4, "big"))
    now = int(time.time() * 1000)
    fastavro.schemaless_writer(out, fastavro.parse_schema(SCHEMA), {
        "id": f"{customer}-{now}", "what": what, "who": customer, "extra": 0.5, "at": now})
    pathlib.Path(place).write_bytes(out.getvalue())


def read(url):
    schemas = {}
    for line in sys.stdin:
        value = bytes.fromhex(line.strip())
        assert value[0] == 0, "no registry frame"
        number = int.from_bytes(value[1:5], "big")
        if number not in schemas:
            with urllib.request.urlopen(f"{url}/schemas/ids/{number}") as reply:
                schemas[number] = fastavro.parse_schema(json.loads(json.load(reply)["schema"]))
        body = io.BytesIO(value[5:])
        record = fastavro.schemaless_reader(body, schemas[number])
        assert body.read() == b"", "bytes behind the record"
        print(json.dumps(record, default=str))


if sys.argv[1] != "serve":
    sys.path.insert(0, str(pathlib.Path(__file__).parent))
    import third_party
    third_party.need()
    import fastavro
{"serve": serve, "make": make, "read": read}[sys.argv[1]](*sys.argv[2:])
