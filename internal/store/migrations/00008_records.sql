-- What stands for things beyond this server: agents, private links and hubs;
-- packages of Connector SDK code; transformations; Connect Cards.

-- +goose Up
create table agents (
	id          text primary key,
	account_id  text not null references accounts (id),
	kind        text not null,
	group_id    text references groups (id) on delete cascade,
	name        text not null,
	region      text not null,
	environment text not null,
	created_by  text not null,
	created_at  bigint not null,
	updated_at  bigint not null,
	token_hash  bytea not null,
	certificate bytea not null
);
create unique index agents_proxy_name on agents (account_id, name) where kind = 'proxy';
create index agents_group on agents (group_id) where group_id is not null;
create index agents_created on agents (created_at, id);

create table private_links (
	id         text primary key,
	account_id text not null references accounts (id),
	name       text not null,
	region     text not null,
	service    text not null,
	config     text not null,
	created_by text not null,
	created_at bigint not null,
	updated_at bigint not null
);
create index private_links_created on private_links (created_at, id);

create index connections_proxy on connections (proxy_agent_id) where proxy_agent_id is not null;
create index connections_hybrid on connections (hybrid_agent_id) where hybrid_agent_id is not null;
create index connections_link on connections (private_link_id) where private_link_id is not null;

create table hvr_hubs (
	id          text primary key,
	account_id  text not null references accounts (id),
	fingerprint text not null,
	port        bigint not null,
	url         text not null,
	token_hash  bytea not null,
	created_at  bigint not null
);

create table sdk_packages (
	id         text primary key,
	account_id text not null references accounts (id),
	revision   bigint not null,
	size       bigint not null,
	sha256     text not null,
	created_by text not null,
	updated_by text not null,
	created_at bigint not null,
	updated_at bigint not null
);
create index sdk_packages_created on sdk_packages (created_at, id);

create table sdk_package_parts (
	package_id text not null references sdk_packages (id) on delete cascade,
	revision   bigint not null,
	part       bigint not null,
	content    bytea not null,
	primary key (package_id, revision, part)
);

create table transformation_projects (
	id          text primary key,
	account_id  text not null references accounts (id),
	group_id    text not null references groups (id) on delete cascade,
	type        text not null,
	config      bytea not null,
	status      text not null,
	setup_tests text not null,
	created_by  text not null,
	created_at  bigint not null
);
create index transformation_projects_group on transformation_projects (group_id);
create index transformation_projects_created on transformation_projects (created_at, id);

create table transformations (
	id         text primary key,
	account_id text not null references accounts (id),
	group_id   text not null references groups (id) on delete cascade,
	project_id text references transformation_projects (id),
	type       text not null,
	config     text not null,
	schedule   text not null,
	paused     boolean not null,
	status     text not null,
	started_at bigint,
	ended_at   bigint,
	created_by text not null,
	created_at bigint not null
);
create index transformations_group on transformations (group_id);
create index transformations_project on transformations (project_id) where project_id is not null;
create index transformations_created on transformations (created_at, id);

create table connect_cards (
	connection_id text primary key references connections (id) on delete cascade,
	id            text not null,
	expires_at    bigint not null,
	used_at       bigint
);
