-- Comparisons of a connection's tables on both sides. What was asked for and
-- what was found is a JSON document, compressed if that makes it shorter, and
-- encrypted: it may have keys of the source's rows.

-- +goose Up
create table verifications (
	id              text primary key,
	connection_id   text not null references connections (id) on delete cascade,
	state           text not null,
	reason          text not null,
	waiting         boolean not null,
	tables_total    bigint not null,
	tables_done     bigint not null,
	tables_wrong  bigint not null,
	started_at      bigint not null,
	ended_at        bigint,
	lease_until     bigint not null,
	findings        bytea not null
);
create unique index verifications_running on verifications (connection_id) where state = 'running';
create index verifications_connection on verifications (connection_id, id);
