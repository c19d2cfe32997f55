-- schema: hpts
-- What deliveries read of the books: the journal, how far it goes, and which steps are known.

GRANT SELECT ON journal_entries, journal_lines, command_outcomes TO hpts_deliveries;
GRANT SELECT (partition_id, last_entry_seq) ON partitions TO hpts_deliveries;
