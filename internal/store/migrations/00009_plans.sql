-- What connections have beside a frequency, and whose code they run.

-- +goose Up
alter table connections add column plan text;
alter table connections add column package_id text;
create unique index connections_package on connections (package_id) where package_id is not null;
