"""DAGs of airflow-provider-fivetran-async's operators and sensor. They read the
connector whose id is in the environment."""

import os
from datetime import datetime, timedelta, timezone

from airflow.sdk import DAG
from fivetran_provider_async.operators import FivetranOperator, FivetranResyncOperator
from fivetran_provider_async.sensors import FivetranSensor

usual = {"connector_id": os.environ["CONNECTOR"], "poll_frequency": 1}


def dag(name):
    return DAG(dag_id=name, start_date=datetime(2024, 1, 1, tzinfo=timezone.utc), schedule=None)


with dag("deferred") as deferred:
    FivetranOperator(task_id="sync", **usual)

with dag("by_name") as by_name:
    FivetranOperator(task_id="sync", connector_name="airflow", destination_name="Warehouse", poll_frequency=1, deferrable=False)

with dag("resync") as resync:
    FivetranResyncOperator(task_id="all", **usual) >> FivetranResyncOperator(task_id="table", scope={"15five": ["users"]}, **usual)

with dag("sensor") as sensor:
    FivetranOperator(task_id="sync", wait_for_completion=False, **usual) >> FivetranSensor(
        task_id="wait", connector_id=os.environ["CONNECTOR"], poke_interval=1,
        completed_after_time="{{ dag_run.start_date or dag_run.run_after }}")
