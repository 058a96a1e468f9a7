"""Runs airflow-provider-fivetran-async's hook, operators and sensor, in Airflow
itself, against Penstock. A task that waits is deferred to the plug-in's trigger."""

import os
import sys
import warnings

warnings.simplefilter("ignore")

import world  # noqa: E402
from airflow.exceptions import AirflowException  # noqa: E402
from fivetran_provider_async.hooks import FivetranHook  # noqa: E402

# The plug-in has the vendor's address as an attribute of its class.
FivetranHook.api_protocol, FivetranHook.api_host = world.server.split("://")

connector = world.connect("airflow")
os.environ["CONNECTOR"] = connector
os.environ["AIRFLOW_CONN_FIVETRAN_DEFAULT"] = f"fivetran://{world.key}:{world.secret}@"
sys.path.append(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
import people  # noqa: E402

hook = FivetranHook()


def run(dag):
    """Runs a DAG and returns the states of its tasks."""
    return {t.task_id: str(t.state) for t in dag.test().get_task_instances()}


assert hook.test_connection() == (True, "Fivetran connection test passed")
assert hook.get_connector_id("airflow", "Warehouse") == connector
world.passed("airflow: hook finds the connector by name")

states = run(people.deferred)
assert states == {"sync": "success"}, states
details = hook.get_connector(connector)
assert details["schedule_type"] == "manual" and not details["paused"] and details["succeeded_at"] and not details["failed_at"], details
assert len(hook.get_connector_schemas(connector)["schemas"]["15five"]["tables"]) == 20
tables = hook.get_metadata(connector, "tables")["items"]
assert {c["parent_id"] for c in hook.get_metadata(connector, "columns")["items"]} <= {t["id"] for t in tables} and len(tables) == 20, tables
world.passed("airflow: operator, deferred, unpauses, takes over the schedule, and waits for the first sync")

states = run(people.by_name)
assert states == {"sync": "success"}, states
world.passed("airflow: operator that waits itself, by names")

states = run(people.resync)
assert states == {"all": "success", "table": "success"}, states
world.passed("airflow: re-sync operator, of all and of one table")

states = run(people.sensor)
assert states == {"sync": "success", "wait": "success"}, states
world.passed("airflow: operator that does not wait, and a sensor that does")

now = hook.get_last_sync(connector)
world.shut(status=429, retry_after="3600")
hook.start_fivetran_sync(connector)
while hook.get_connector(connector)["status"]["sync_state"] != "rescheduled":
    pass
assert hook.get_connector(connector)["status"]["rescheduled_for"]
world.open_again()
while not hook.is_synced_after_target_time(connector, now, reschedule_wait_time=0):
    pass
world.passed("airflow: a sync that the source puts off is started again")

world.shut(status=401)
states = run(people.deferred)
assert states["sync"] == "failed", states
world.raises(AirflowException, lambda: hook.check_connector(connector), "not correctly configured")
world.open_again()
hook.check_connector(connector)  # tests what is not connected
world.passed("airflow: a failing sync fails its task, and a check after mending connects")
