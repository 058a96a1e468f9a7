-- Names in external secrets managers of what connections and destinations have there.

-- +goose Up
alter table connections add column secrets_keys text;
alter table destinations add column secrets_keys text;
