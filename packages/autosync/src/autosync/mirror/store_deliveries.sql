-- store_deliveries: put a batch into the inbox and wake the appliers, in one round trip.
-- No GUID may be twice in the batch. `inbox_guids` says which are new, for all who store at the
-- same time: no unique index can span the days that the inbox is divided into.
-- Returns one row with the GUIDs that are new (null if none is). The server runs it as one
-- transaction: its result arrives after the commit.
WITH fresh AS (
    INSERT INTO inbox_guids (guid)
    SELECT unnest(%(guid)b::text[])
    ON CONFLICT (guid) DO NOTHING
    RETURNING guid, delivery_id, received_at
), stored AS (
    INSERT INTO inbox (id, received_at, guid, event, action, installation_id, repository_id,
                       headers, body, source)
    SELECT fresh.delivery_id, fresh.received_at, fresh.guid, event, action, installation_id,
           repository_id, headers::jsonb, body, %(source)b
    FROM unnest(%(guid)b::text[], %(event)b::text[], %(action)b::text[],
                %(installation_id)b::bigint[], %(repository_id)b::bigint[], %(headers)b::text[],
                %(body)b::bytea[])
         AS batch (guid, event, action, installation_id, repository_id, headers, body)
    JOIN fresh ON fresh.guid = batch.guid
), news AS (
    SELECT array_agg(guid) AS guids FROM fresh
)
SELECT guids, CASE WHEN guids IS NOT NULL THEN pg_notify('autosync_inbox', '') END FROM news
