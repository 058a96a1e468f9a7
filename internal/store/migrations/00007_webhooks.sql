-- Webhooks, and what is delivered to them.

-- +goose Up
create table webhooks (
	id         text primary key,
	account_id text not null references accounts (id),
	group_id   text references groups (id) on delete cascade,
	url        text not null,
	events     text not null,
	active     boolean not null,
	secret     bytea,
	since      bigint not null, -- the last event before it was active
	created_by text not null,
	created_at bigint not null
);
create index webhooks_created on webhooks (created_at, id);
create index webhooks_group on webhooks (group_id);

-- A webhook's deliveries of one connection's events stand in a lane, of which
-- only the first is tried. A lane is there while something waits in it.
create table webhook_lanes (
	webhook_id    text not null references webhooks (id) on delete cascade,
	connection_id text not null,
	due_at        bigint not null,
	lease_until   bigint not null, -- 0: nobody delivers
	primary key (webhook_id, connection_id)
);
create index webhook_lanes_due on webhook_lanes (due_at);

create table webhook_deliveries (
	webhook_id    text not null references webhooks (id) on delete cascade,
	event_id      bigint not null,
	connection_id text not null,
	kind          text not null,
	attempts      bigint not null,
	status        bigint not null,
	error         text not null,
	outcome       text not null,
	created_at    bigint not null,
	tried_at      bigint,
	ended_at      bigint,
	primary key (webhook_id, event_id)
);
create index webhook_deliveries_waiting on webhook_deliveries (webhook_id, connection_id, event_id) where ended_at is null;
create index webhook_deliveries_tried on webhook_deliveries (webhook_id, event_id) where attempts > 0;

insert into event_cursors (consumer, position) values ('webhooks', 0);
