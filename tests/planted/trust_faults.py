"""Tenants and tokens (F77 to F82)."""

from typing import Final

from tests.planted.fault import Change, Fault

TOKENS: Final = "tests/security/test_access_token.py"
SPELLING: Final = "tests/security/test_token_spelling.py"
KEYS: Final = "tests/security/test_token_keys.py"
WALLS: Final = "tests/security/test_tenant_walls.py"
BY_SQL: Final = "tests/security/test_walls_by_sql.py"
NAMED: Final = "tests/security/test_tenant_of_the_token.py"

TRUST_FAULTS: Final = (
    Fault(
        row="F77",
        planted="the tenant stays named on a pooled connection",
        changes=(
            Change(
                "read_api/sql/set_tenant.sql",
                "set_config('hpts.tenant_id', %(tenant_id)s, true)",
                "set_config('hpts.tenant_id', %(tenant_id)s, false)",
            ),
        ),
        caught_by=(f"{WALLS}::test_a_tenant_is_named_for_one_transaction_only",),
    ),
    Fault(
        row="F77",
        planted="where no tenant is named, every loan is shown",
        changes=(
            Change(
                "schemas/sql/0003_ledger.sql",
                "CREATE POLICY one_tenant ON loans FOR SELECT TO hpts_reader, hpts_ingress\n"
                "    USING (tenant_id = nullif(",
                "CREATE POLICY one_tenant ON loans FOR SELECT TO hpts_reader, hpts_ingress\n"
                "    USING (coalesce(current_setting('hpts.tenant_id', true), '') = '' OR "
                "tenant_id = nullif(",
            ),
        ),
        caught_by=(f"{WALLS}::test_nothing_is_seen_before_a_tenant_is_named",),
    ),
    Fault(
        row="F78",
        planted="a view has the rights of its owner",
        changes=(
            Change(
                "schemas/sql/0005_whole_book.sql",
                "CREATE VIEW readable_closed_periods WITH (security_invoker = true) AS\n",
                "CREATE VIEW readable_closed_periods AS\n",
            ),
        ),
        caught_by=(
            f"{BY_SQL}::test_no_view_has_its_owner_s_rights_and_no_function_its_definer_s",
            f"{WALLS}::test_every_view_has_the_rights_of_who_asks",
        ),
    ),
    Fault(
        row="F78",
        planted="row-level security of a table is off",
        changes=(
            Change(
                "schemas/sql/0006_quarantine.sql",
                "ALTER TABLE quarantines ENABLE ROW LEVEL SECURITY;\n",
                "",
            ),
        ),
        caught_by=(f"{BY_SQL}::test_every_table_has_a_policy_or_is_listed_as_having_none",),
    ),
    Fault(
        row="F78",
        planted="the read edge may read the key ring",
        changes=(
            Change(
                "schemas/sql/0002_edge.sql",
                "GRANT SELECT ON signing_keys TO hpts_ingress, hpts_engine;\n",
                "GRANT SELECT ON signing_keys TO hpts_ingress, hpts_engine, hpts_reader;\n",
            ),
        ),
        caught_by=(f"{BY_SQL}::test_every_role_has_the_grants_that_are_listed_and_no_other",),
    ),
    Fault(
        row="F79",
        planted="a header may name the tenant of a read",
        changes=(
            Change(
                "read_api/routes.py",
                "            tenant_id=token.tenant_id,\n",
                "            tenant_id=type(token.tenant_id)(\n"
                '                (_values(headers, b"x-tenant-id") or [b"%b" % '
                "str(token.tenant_id).encode()])[0].decode()\n            ),\n",
            ),
        ),
        caught_by=(f"{NAMED}::test_naming_another_tenant_changes_no_read",),
    ),
    Fault(
        row="F79",
        planted="a header may name the tenant of a posting",
        changes=(
            Change(
                "ingress_api/routes.py",
                'code="tenant_not_allowed"))\n        caller = Caller(tenant_id=token.tenant_id, ',
                'code="tenant_not_allowed"))\n'
                "        caller = Caller(tenant_id=type(token.tenant_id)("
                'exchange.header(b"x-tenant-id") or str(token.tenant_id)), ',
            ),
        ),
        caught_by=(f"{NAMED}::test_naming_another_tenant_changes_no_posting",),
    ),
    Fault(
        row="F80",
        planted="an entry is read by its id, whosever it is; the other wall alone stands",
        changes=(
            Change(
                "read_api/sql/find_entry.sql",
                "WHERE partition_id = ANY(%(partition_ids)s) AND tenant_id = %(tenant_id)s\n",
                "WHERE partition_id = ANY(%(partition_ids)s)\n",
            ),
        ),
        caught_by=(f"{WALLS}::test_a_statement_of_the_read_edge_filters_by_tenant_itself",),
    ),
    Fault(
        row="F80",
        planted="a command's state is told to whoever knows its id",
        changes=(
            Change(
                "ingress_api/sql/find_reservation_of_command.sql",
                "WHERE tenant_id = %(tenant_id)s AND command_id = %(command_id)s;",
                "WHERE command_id = %(command_id)s;",
            ),
        ),
        caught_by=(
            "tests/edges/test_ingress_idempotency.py::test_another_tenants_command_is_as_none",
            f"{WALLS}::test_a_statement_of_the_write_edge_filters_by_tenant_itself",
        ),
    ),
    Fault(
        row="F80",
        planted="a cursor is bound to nothing",
        changes=(
            Change(
                "schemas/page_tokens.py",
                'hmac.digest(secret, b"page token\\0" + bound_to.encode(), "sha256")',
                'hmac.digest(secret, b"page token\\0" + bound_to.encode()[:0], "sha256")',
            ),
        ),
        caught_by=("tests/contracts/test_page_tokens.py::test_any_other_text_is_refused",),
    ),
    Fault(
        row="F81",
        planted="a key's secret may be symmetric",
        changes=(
            Change(
                "schemas/key_set.py",
                '    "EdDSA": ("OKP", "Ed25519"),\n',
                '    "EdDSA": ("OKP", "Ed25519"),\n    "HS256": ("oct", None),\n',
            ),
        ),
        caught_by=(f"{TOKENS}::test_an_algorithm_that_no_key_is_for_is_not_configurable",),
    ),
    Fault(
        row="F81",
        planted="a token may name the address of its key",
        changes=(
            Change(
                "schemas/compact_jws.py",
                '{"b64", "crit", "jku", "jwk", "x5c", "x5u"}',
                '{"b64", "crit", "jwk", "x5c"}',
            ),
        ),
        caught_by=(f"{TOKENS}::test_header_tricks",),
    ),
    Fault(
        row="F81",
        planted="bits that do not count may be anything",
        changes=(
            Change(
                "schemas/compact_jws.py",
                '    if urlsafe_b64encode(data).rstrip(b"=") != text.encode("ascii"):\n',
                '    if "=" in text:\n',
            ),
        ),
        caught_by=(f"{SPELLING}::test_the_parser_refuses_them_itself_whatever_the_library_takes",),
    ),
    Fault(
        row="F81",
        planted="of two keys with one id the last one counts",
        changes=(
            Change(
                "schemas/key_set.py",
                '        if member["kid"] in keys:\n',
                '        if member["kid"] in keys and not keys:\n',
            ),
        ),
        caught_by=(f"{KEYS}::test_a_set_with_one_bad_key_is_refused_whole",),
    ),
    Fault(
        row="F82",
        planted="a token of any type is an access token",
        changes=(
            Change(
                "schemas/compact_jws.py",
                'if not isinstance(header.get("typ"), str) or header["typ"] not in TYPES:\n',
                'if not header.get("typ"):\n',
            ),
        ),
        caught_by=(f"{TOKENS}::test_header_tricks",),
    ),
    Fault(
        row="F82",
        planted="a token for several audiences is for ours",
        changes=(
            Change(
                "schemas/claims.py",
                "isinstance(one, str) for one in audience) and ours in audience\n",
                "isinstance(one, str) for one in audience)\n",
            ),
        ),
        caught_by=(f"{TOKENS}::test_a_claim_that_is_missing_or_wrong",),
    ),
    Fault(
        row="F82",
        planted="a token is good for a minute after its end",
        changes=(Change("schemas/claims.py", "LEEWAY_S: Final = 10\n", "LEEWAY_S: Final = 60\n"),),
        caught_by=(f"{TOKENS}::test_an_expired_token",),
    ),
    Fault(
        row="F82",
        planted="an unknown key id fetches the keys once a second",
        changes=(
            Change(
                "schemas/access_token.py",
                "UNKNOWN_KEY_EVERY_S: Final = 10.0\n",
                "UNKNOWN_KEY_EVERY_S: Final = 1.0\n",
            ),
        ),
        caught_by=(f"{KEYS}::test_ten_thousand_unknown_key_ids_are_one_fetch_per_interval",),
    ),
)
