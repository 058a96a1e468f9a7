-- What people chose of a connection's source and what the source offers, the
-- life of its single tables, and earlier states to return to. The documents
-- are JSON, compressed if that makes them shorter.

-- +goose Up
alter table connections add column schema_status text not null default 'ready';

create table schema_configs (
	connection_id text primary key references connections (id) on delete cascade,
	config        bytea not null,
	saved_at      bigint not null
);

create table catalogs (
	connection_id text primary key references connections (id) on delete cascade,
	catalog       bytea not null,
	captured_at   bigint not null
);

create table table_statuses (
	connection_id text not null references connections (id) on delete cascade,
	source_schema text not null,
	source_table  text not null,
	status        text not null,
	error         text not null,
	run_id        text not null,
	rows_sent     bigint not null,
	rows_expected bigint not null,
	changed_at    bigint not null,
	synced_at     bigint,
	failed_at     bigint,
	primary key (connection_id, source_schema, source_table)
);

create table table_resyncs (
	connection_id text not null references connections (id) on delete cascade,
	source_schema text not null,
	source_table  text not null,
	asked_at      bigint not null,
	primary key (connection_id, source_schema, source_table)
);

create table state_versions (
	connection_id text not null references connections (id) on delete cascade,
	version       bigint not null,
	run_id        text not null,
	state         bytea not null,
	digest        bytea not null,
	rows_moved    bigint not null,
	saved_at      bigint not null,
	primary key (connection_id, version)
);
create index state_versions_run on state_versions (connection_id, run_id, version);
