-- What happened, in the order in which it did: for run logs, webhooks and
-- external logging. Events outlive what they are about.

-- +goose Up
create table counters (
	name  text primary key,
	value bigint not null
);
insert into counters (name, value) values ('events', 0);

create table events (
	id            bigint primary key,
	account_id    text not null,
	group_id      text not null,
	connection_id text not null,
	service       text not null,
	schema_name   text not null,
	run_id        text not null,
	level         text not null,
	kind          text not null,
	data          text,
	created_at    bigint not null
);
create index events_run on events (run_id, id) where run_id <> '';
create index events_connection on events (connection_id, id) where connection_id <> '';
create index events_created on events (created_at);

create table event_cursors (
	consumer text primary key,
	position bigint not null
);
