-- How people sign in: passwords, links that are good for one sign-in, and
-- sessions. Of links and sessions only keyed hashes are stored.

-- +goose Up
create table passwords (
	user_id    text primary key references users (id) on delete cascade,
	hash       text not null,
	changed_at bigint not null
);

create table login_links (
	hash       bytea primary key,
	user_id    text not null references users (id) on delete cascade,
	expires_at bigint not null
);

create table sessions (
	hash       bytea primary key,
	user_id    text not null references users (id) on delete cascade,
	created_at bigint not null,
	seen_at    bigint not null
);
create index sessions_user on sessions (user_id);
