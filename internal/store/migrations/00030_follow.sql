-- Connections that stay on, and what sources keep back for connections.

-- +goose Up
alter table connections add column continuous boolean not null default false;
alter table connections add column follow_at bigint; -- when the next run that stays on is to begin; null: by the schedule
alter table connections add column fresh_at bigint; -- all that was committed until then is in the destination
alter table connections add column log_limit bigint not null default 0; -- bytes; 0: none
alter table connections add column at_log_limit text not null default 'KEEP';
alter table runs add column fresh_at bigint;
alter table runs add column latency text;
create table backlogs (
	connection_id text primary key references connections (id) on delete cascade,
	due_at        bigint not null, -- when the source is to be asked next
	asked_at      bigint,          -- null: it never answered
	failures      bigint not null default 0,
	level         text not null default '',
	backlog       text
);
create index backlogs_due on backlogs (due_at);
