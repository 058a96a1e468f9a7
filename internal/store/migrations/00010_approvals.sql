-- What people have approved of servers: certificates, and the host keys of
-- SSH servers.

-- +goose Up
create table approvals (
	owner        text not null,
	owner_id     text not null,
	kind         text not null,
	hash         text not null,
	data         bytea not null,
	validated_by text references users (id) on delete set null,
	validated_at bigint not null,
	primary key (owner, owner_id, kind, hash)
);
insert into approvals select owner, owner_id, 'certificate', hash, der, validated_by, validated_at from certificates;
drop table certificates;
