"""Materialises assets with dagster-fivetran, in Dagster itself, against Penstock."""

import warnings

warnings.simplefilter("ignore")

import dagster_fivetran.resources as resources  # noqa: E402
import world  # noqa: E402
from dagster import AssetExecutionContext, AssetKey, Failure, materialize  # noqa: E402
from dagster_fivetran import FivetranWorkspace, fivetran_assets  # noqa: E402

# The plug-in has the vendor's address as a constant.
resources.FIVETRAN_API_BASE = world.server
resources.DEFAULT_POLL_INTERVAL = 1

connector = world.connect("dagster")
account = world.call("GET", "account/info")["account_id"]
workspace = FivetranWorkspace(account_id=account, api_key=world.key, api_secret=world.secret, request_max_retries=0, retry_on_reschedule=False)
client = workspace.get_client()

assert client.get_schema_config_for_connector(connector, raise_on_not_found_error=False) == {}
world.call("PATCH", f"connections/{connector}", {"paused": False})
client.start_sync(connector)
details = client.poll_sync(connector, resources.parser.parse("0001-01-01 00:00:00+00"), poll_interval=1, poll_timeout=60)
assert details["schedule_type"] == "manual" and details["succeeded_at"], details
world.passed("dagster: client starts the first sync and polls it")

data = workspace.fetch_fivetran_workspace_data()
assert connector in data.connectors_by_id and world.group in data.destinations_by_id, data
assert len(data.schema_configs_by_connector_id[connector].schemas["15five"].tables) == 20
world.passed("dagster: workspace has the connector, its destination and 20 tables")


@fivetran_assets(connector_id=connector, workspace=workspace, name="people")
def people(context: AssetExecutionContext, fivetran: FivetranWorkspace):
    yield from fivetran.sync_and_poll(context=context).fetch_column_metadata()


result = materialize([people], resources={"fivetran": workspace})
assert result.success and len(result.get_asset_materialization_events()) == 20, result
users = next(e for e in result.get_asset_materialization_events() if e.asset_key == AssetKey(["dagster", "users"]))
columns = users.materialization.metadata["dagster/column_schema"].value.columns
assert any(c.name == "email" for c in columns), columns
world.passed("dagster: 20 assets are materialised by a sync, with their columns")

assert client.resync_and_poll(connector_id=connector, poll_interval=1, resync_parameters={"15five": ["users"]})
assert client.resync_and_poll(connector_id=connector, poll_interval=1)
world.passed("dagster: re-syncs of a table and of all")

world.shut(status=401)
world.raises(Failure, lambda: client.sync_and_poll(connector_id=connector, poll_interval=1), "failed")
assert not client.get_connector_details(connector)["status"]["setup_state"] == "connected"
world.open_again()
world.call("POST", f"connections/{connector}/test", {})
assert client.sync_and_poll(connector_id=connector, poll_interval=1)
world.passed("dagster: a failing sync is a failure, and the next one succeeds")
