-- What syncs do when the log of a source has a gap.

-- +goose Up
alter table connections add column at_log_gap text not null default 'HEAL';
