-- One schema for SQLite and PostgreSQL. Times are microseconds since 1970 UTC.
-- "bytea" is no type of SQLite's: a column of it keeps the blobs it is given.

-- +goose Up
create table secrets (
	name       text primary key,
	sealed     bytea not null,
	created_at bigint not null
);

create table accounts (
	id         text primary key,
	name       text not null,
	created_at bigint not null
);

create table users (
	id           text primary key,
	account_id   text not null references accounts (id),
	email        text not null,
	given_name   text not null,
	family_name  text not null,
	phone        text not null,
	picture      text not null,
	role         text not null,
	verified     boolean not null,
	invited      boolean not null,
	created_at   bigint not null,
	logged_in_at bigint
);
create unique index users_email on users (email);
create index users_created on users (created_at, id);

create table api_keys (
	id         text primary key,
	user_id    text not null references users (id) on delete cascade,
	hash       bytea not null,
	created_at bigint not null
);
create index api_keys_user on api_keys (user_id);

create table groups (
	id         text primary key,
	account_id text not null references accounts (id),
	name       text not null,
	created_by text references users (id) on delete set null,
	created_at bigint not null
);
create unique index groups_name on groups (account_id, name);
create index groups_created on groups (created_at, id);

create table destinations (
	id                     text primary key references groups (id),
	service                text not null,
	region                 text not null,
	time_zone_offset       text not null,
	daylight_saving        boolean not null,
	setup_status           text not null,
	networking_method      text not null,
	private_link_id        text,
	proxy_agent_id         text,
	hybrid_agent_id        text,
	secrets_manager_id     text,
	config                 bytea not null,
	setup_tests            text not null,
	created_at             bigint not null
);
create index destinations_created on destinations (created_at, id);

create table connections (
	id                     text primary key,
	group_id               text not null references groups (id),
	service                text not null,
	schema_name            text not null,
	service_version        bigint not null,
	connected_by           text references users (id) on delete set null,
	created_at             bigint not null,
	config                 bytea not null,

	paused                 boolean not null,
	pause_after_trial      boolean not null,
	schedule_type          text not null,
	sync_frequency         bigint not null,
	daily_sync_time        text not null,
	delay_sensitivity      text not null,
	delay_threshold        bigint not null,

	networking_method      text not null,
	private_link_id        text,
	proxy_agent_id         text,
	hybrid_agent_id        text,
	secrets_manager_id     text,
	schema_names           text not null,
	connect_card           text,
	destination_config     text,

	setup_state            text not null,
	setup_tests            text not null,
	tasks                  text not null,
	warnings               text not null,
	source_sync_details    text,

	historical             boolean not null,
	reset                  boolean not null,
	started_at             bigint,
	ended_at               bigint,
	succeeded_at           bigint,
	failed_at              bigint,
	rescheduled_for        bigint,
	triggered_at           bigint,
	failures               bigint not null,

	run_id                 text,
	due_at                 bigint
);
create unique index connections_schema on connections (group_id, schema_name);
create index connections_created on connections (created_at, id);
create index connections_due on connections (due_at) where due_at is not null and run_id is null;

create table certificates (
	owner        text not null,
	owner_id     text not null,
	hash         text not null,
	der          bytea not null,
	validated_by text references users (id) on delete set null,
	validated_at bigint not null,
	primary key (owner, owner_id, hash)
);

create table runs (
	id              text primary key,
	connection_id   text not null references connections (id) on delete cascade,
	cause           text not null,
	historical      boolean not null,
	started_at      bigint not null,
	owner           text not null,
	fence           bigint not null,
	lease_until     bigint not null,
	stop            text not null,
	rows_moved      bigint not null,
	bytes_moved     bigint not null,
	ended_at        bigint,
	outcome         text not null,
	reason          text not null,
	rescheduled_for bigint
);
create unique index runs_living on runs (connection_id) where ended_at is null;
create index runs_lease on runs (lease_until) where ended_at is null;
create index runs_connection on runs (connection_id, started_at, id);

create table run_tables (
	run_id             text not null references runs (id) on delete cascade,
	source_schema      text not null,
	source_table       text not null,
	destination_schema text not null,
	destination_table  text not null,
	upserted           bigint not null,
	updated            bigint not null,
	deleted            bigint not null,
	bytes_moved        bigint not null,
	error              text not null,
	primary key (run_id, source_schema, source_table)
);

create table states (
	connection_id text primary key references connections (id) on delete cascade,
	run_id        text not null,
	state         text not null,
	saved_at      bigint not null
);
