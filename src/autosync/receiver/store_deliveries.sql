-- store_deliveries: put a batch into the inbox and wake the appliers, in one round trip.
-- Returns one row with the GUIDs that are new (null if none is). The server runs it as one
-- transaction: its result arrives after the commit.
WITH stored AS (
    INSERT INTO inbox (guid, event, action, installation_id, repository_id, headers, body, source)
    SELECT guid, event, action, installation_id, repository_id, headers::jsonb, body, 'webhook'
    FROM unnest(%b::text[], %b::text[], %b::text[], %b::bigint[], %b::bigint[], %b::text[],
                %b::bytea[])
         AS batch (guid, event, action, installation_id, repository_id, headers, body)
    ON CONFLICT (guid) DO NOTHING
    RETURNING guid
), fresh AS (
    SELECT array_agg(guid) AS guids FROM stored
)
SELECT guids, CASE WHEN guids IS NOT NULL THEN pg_notify('autosync_inbox', '') END FROM fresh
