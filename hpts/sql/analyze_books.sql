-- Look at the big tables of the search path's books, so that readers' plans are right at once.
-- Parameters: none. Result: none. Locks: none that stand in anybody's way.
ANALYZE loans, journal_entries, journal_lines, account_days, command_outcomes, disbursements,
    reversal_targets, outgoing_commands, dead_letters, quarantined_commands;
