-- Log services, to which events are shipped.

-- +goose Up
create table log_services (
	id          text primary key, -- the group's, or that of the account after a blank
	account_id  text not null references accounts (id),
	group_id    text references groups (id) on delete cascade,
	service     text not null,
	enabled     boolean not null,
	config      bytea not null,
	complete    boolean not null,
	setup_state text not null, -- '': not known yet
	setup_tests text not null,
	error       text not null,
	position    bigint not null, -- the last event that was shipped or passed over
	failures    bigint not null,
	due_at      bigint not null,
	lease_until bigint not null, -- 0: nobody ships
	created_at  bigint not null
);
create index log_services_created on log_services (created_at, id);
create index events_group on events (group_id, id);
