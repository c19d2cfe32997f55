-- The journal's lines as a table of one's own. (partition_id, entry_seq) is the entry's place: what
-- comes twice is kept once.
-- Parameters: none. Result: none. Locks: none.
create table if not exists lines (
    partition_id integer, entry_seq integer, sequence integer,
    tenant_id text, journal_entry_id text, event_type text, booked_on text,
    account_code text, direction text, amount_minor integer, currency text, layer text, loan_id text,
    primary key (partition_id, entry_seq, sequence)
);
