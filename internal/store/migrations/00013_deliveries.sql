-- Which deliveries of a webhook have ended, of which the oldest are forgotten.

-- +goose Up
create index webhook_deliveries_ended on webhook_deliveries (webhook_id, event_id) where ended_at is not null;
