"""A connection for plug-ins to work with, and what happens to it.

The server and the vendor that it reads are scripts/e2e-plugins'; where they
are is in the environment.
"""

import os

import requests

server = os.environ["PENSTOCK_URL"]
key, secret = os.environ["PENSTOCK_KEY"], os.environ["PENSTOCK_SECRET"]
vendor = os.environ["VENDOR_URL"]
group = "warehouse_prod"


def call(method, path, body=None):
    """Sends a request that must succeed, and returns the answer's data."""
    r = requests.request(method, f"{server}/v1/{path}", auth=(key, secret), json=body, timeout=60)
    assert r.ok, f"{method} {path}: {r.status_code} {r.text}"
    return r.json().get("data")


def connect(schema):
    """Makes a connection to the vendor that has never synced, and returns its id."""
    if not any(d["id"] == group for d in call("GET", "destinations")["items"]):
        call("POST", "destinations", {"group_id": group, "service": "duckdb", "time_zone_offset": "0",
             "config": {"path": os.environ["WAREHOUSE"]}})
    made = call("POST", "connections", {"group_id": group, "service": "15five", "paused": True,
                "config": {"schema": schema, "api_key": os.environ["VENDOR_KEY"]}})
    assert made["status"]["setup_state"] == "connected", made
    return made["id"]


def shut(**fault):
    """Has the vendor answer all requests so until it opens again."""
    requests.post(f"{vendor}/simulator/break", json={"count": -1, **fault}, timeout=60).raise_for_status()


def open_again():
    requests.post(f"{vendor}/simulator/mend", timeout=60).raise_for_status()


def raises(kind, do, says=""):
    """Returns the error that do must end with."""
    try:
        do()
    except kind as e:
        assert says in str(e), e
        return e
    raise AssertionError(f"nothing was raised, {kind} was expected")


def passed(what):
    print(f"PASS {what}", flush=True)
