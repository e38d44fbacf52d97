#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Our output, read by libraries we did not write.

- JSON: the CloudEvents SDK takes each record as a structured event, over HTTP's and over Kafka's binding.
- Avro: fastavro reads the body, the single object and the registry frame by schemas/; every field equals the
  one in JSON. The fingerprint in the single object is the one fastavro computes from the schema's file.
- A record bent on purpose must be noticed, so that the comparison itself is known to work.
"""
import datetime
import io
import json
import os
import pathlib
import re
import subprocess
import sys

SOURCE = pathlib.Path(os.environ["SNAG_SOURCE"])
sys.path.insert(0, str(SOURCE / "tests" / "tools"))
import third_party  # noqa: E402

third_party.need()
import cloudevents.http  # noqa: E402
import cloudevents.kafka  # noqa: E402
import fastavro  # noqa: E402
import fastavro.schema  # noqa: E402


def samples():
    program = pathlib.Path(os.environ["SNAG_BUILD"]) / "tests" / "encode_sample"
    lines = subprocess.run([program], check=True, capture_output=True).stdout.splitlines()
    return [json.loads(line) for line in lines]


def schema_of(kind):
    return json.loads((SOURCE / "schemas" / f"{kind}.avsc").read_text(encoding="utf-8"))


def plain(value):
    """What fastavro read, as JSON says it: unset is absent, times are RFC 3339."""
    if isinstance(value, dict):
        items = {name: plain(inner) for name, inner in value.items()}
        return {name: inner for name, inner in items.items() if inner not in (None, [])}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    return value


def read_avro(kind, body):
    stream = io.BytesIO(body)
    record = plain(fastavro.schemaless_reader(stream, fastavro.parse_schema(schema_of(kind))))
    rest = stream.read()
    assert rest == b"", f"{len(rest)} bytes are left"
    return record


def expected(record):
    return {**record, "datacontenttype": "application/avro"}


def check_avro(sample):
    kind = sample["kind"]
    body, single, framed = (bytes.fromhex(sample[name]) for name in ("body", "single", "framed"))
    assert read_avro(kind, body) == expected(sample["json"]), f"{kind}: Avro and JSON differ"
    canonical = fastavro.schema.to_parsing_canonical_form(schema_of(kind))
    fingerprint = bytes.fromhex(fastavro.schema.fingerprint(canonical, "CRC-64-AVRO"))
    assert single == b"\xc3\x01" + fingerprint + body, f"{kind}: not a single object"
    assert framed == b"\x00\x00\x00\x00\x07" + body, f"{kind}: not framed"


def check_cloudevent(sample):
    record = sample["json"]
    text = json.dumps(record).encode()
    event = cloudevents.http.from_json(text)
    assert event.data == record["data"]
    attributes = {name: value for name, value in record.items() if name != "data"}
    assert dict(event.get_attributes()) == attributes
    assert attributes["specversion"] == "1.0"
    assert all(re.fullmatch(r"[a-z0-9]+", name) for name in attributes)
    assert all(isinstance(value, str) and value for value in attributes.values())
    assert re.fullmatch(r"[A-Za-z0-9._~%/-]+", attributes["source"]), "source is a URI reference"
    datetime.datetime.fromisoformat(attributes["time"])
    message = cloudevents.kafka.KafkaMessage(
        headers={"content-type": b"application/cloudevents+json"}, key=None, value=text)
    assert cloudevents.kafka.from_structured(message).data == record["data"]


def must_notice(sample):
    """A bent byte, and a record without its type, are found."""
    bent = bytearray(bytes.fromhex(sample["body"]))
    bent[bent.index(b"resolve")] ^= 1
    assert read_avro(sample["kind"], bytes(bent)) != expected(sample["json"])
    record = {name: value for name, value in sample["json"].items() if name != "type"}
    try:
        cloudevents.http.from_json(json.dumps(record))
    except Exception:  # noqa: BLE001 - whatever the library says
        return
    raise AssertionError("a record without a type was taken")


def main():
    found = samples()
    assert [sample["kind"] for sample in found] == [
        "alert", "alert", "change", "change", "decision", "decision"]
    for sample in found:
        check_avro(sample)
        check_cloudevent(sample)
    must_notice(found[0])
    events = fastavro.parse_schema(schema_of("event"))
    assert events["name"] == "snag.Event"
    print(f"{len(found)} records: fastavro {fastavro.__version__}, cloudevents {cloudevents.__version__}")


main()
