-- Who may do what: teams, roles that users and teams have below the account,
-- and keys that belong to nobody.

-- +goose Up
create table teams (
	id          text primary key,
	account_id  text not null references accounts (id),
	name        text not null,
	description text not null,
	role        text not null,
	created_at  bigint not null
);
create unique index teams_name on teams (account_id, name);
create index teams_created on teams (created_at, id);

create table team_users (
	team_id    text not null references teams (id) on delete cascade,
	user_id    text not null references users (id) on delete cascade,
	role       text not null,
	created_at bigint not null,
	primary key (team_id, user_id)
);
create index team_users_user on team_users (user_id);

-- A role of a user or a team in a group or for a connection: of each pair one
-- is null.
create table memberships (
	user_id       text references users (id) on delete cascade,
	team_id       text references teams (id) on delete cascade,
	group_id      text references groups (id) on delete cascade,
	connection_id text references connections (id) on delete cascade,
	role          text not null,
	created_at    bigint not null
);
create unique index memberships_user_group on memberships (user_id, group_id) where user_id is not null and group_id is not null;
create unique index memberships_user_connection on memberships (user_id, connection_id) where user_id is not null and connection_id is not null;
create unique index memberships_team_group on memberships (team_id, group_id) where team_id is not null and group_id is not null;
create unique index memberships_team_connection on memberships (team_id, connection_id) where team_id is not null and connection_id is not null;
create index memberships_group on memberships (group_id);
create index memberships_connection on memberships (connection_id);

create table system_keys (
	id           text primary key,
	account_id   text not null references accounts (id),
	name         text not null,
	key          text not null,
	hash         bytea not null,
	permissions  text not null,
	created_at   bigint not null,
	updated_at   bigint not null,
	expires_at   bigint,
	last_used_at bigint
);
create unique index system_keys_key on system_keys (key);
create unique index system_keys_name on system_keys (account_id, name);
create index system_keys_created on system_keys (created_at, id);
