-- External secrets managers, which keep secrets of configs.

-- +goose Up
create table secrets_managers (
	id         text primary key,
	account_id text not null references accounts (id),
	type       text not null,
	name       text not null,
	config     bytea not null,
	hybrid     boolean not null,
	created_at bigint not null,
	updated_at bigint not null,
	unique (account_id, name)
);
create index secrets_managers_created on secrets_managers (created_at, id);
create index connections_secrets_manager on connections (secrets_manager_id) where secrets_manager_id is not null;
