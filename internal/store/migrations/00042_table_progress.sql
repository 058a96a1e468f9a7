-- How fast a running sync reads a table.

-- +goose Up
alter table table_statuses add column bytes_sent bigint not null default 0;
alter table table_statuses add column begun_at bigint; -- by the run; null: not known
