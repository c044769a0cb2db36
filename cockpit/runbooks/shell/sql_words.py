"""What the proof that a statement only reads rests on: PostgreSQL functions that read. Data only."""

from __future__ import annotations

from cockpit.runbooks.shell.tool import names

# Words that stand before a bracket without being called, and types with a length.
SYNTAX = names(
    """
    in and or not values over filter as on using where any all some exists from join lateral by select with
    rollup cube sets then when case else like ilike similar between interval distinct limit offset union except
    intersect having within partition order group returning is set materialized recursive only fetch end array
    row escape varchar character char bpchar bit varying numeric decimal float time timestamp timestamptz
    """
)
# Pure, or reading the catalogue and statistics. Not here: pg_sleep (hangs), pg_read_file and the like (files),
# nextval/setval, advisory locks, set_config, lo_*, dblink, query_to_xml (runs text), pg_stat_reset*, pg_notify.
READING_FUNCTIONS = names(
    """
    count sum avg min max array_agg string_agg json_agg jsonb_agg json_object_agg jsonb_object_agg bool_and
    bool_or every stddev stddev_pop stddev_samp variance var_pop var_samp corr covar_pop covar_samp mode
    percentile_cont percentile_disc bit_and bit_or any_value rank dense_rank percent_rank cume_dist row_number
    ntile lag lead first_value last_value nth_value grouping

    now current_timestamp current_date current_time localtime localtimestamp clock_timestamp statement_timestamp
    transaction_timestamp timeofday date_trunc date_part extract age to_char to_date to_timestamp to_number
    make_date make_interval make_timestamp make_timestamptz make_time justify_days justify_hours
    justify_interval date_bin isfinite epoch date interval timezone

    coalesce nullif greatest least cast abs ceil ceiling floor round trunc sign sqrt cbrt power pow exp ln log
    log10 mod div random width_bucket degrees radians pi sin cos tan asin acos atan atan2 gcd lcm factorial
    scale length char_length character_length octet_length bit_length lower upper initcap left right substr
    substring trim btrim ltrim rtrim lpad rpad replace translate reverse repeat position strpos split_part
    concat concat_ws format chr ascii md5 sha256 sha224 sha384 sha512 encode decode quote_ident quote_literal
    quote_nullable starts_with overlay regexp_match regexp_matches regexp_replace regexp_split_to_array
    regexp_split_to_table regexp_count regexp_like regexp_substr regexp_instr string_to_array string_to_table
    array_to_string array_length array_upper array_lower array_position array_positions array_remove
    array_append array_prepend array_cat array_dims array_ndims cardinality unnest generate_series
    generate_subscripts to_hex ascii gen_random_uuid num_nonnulls num_nulls

    to_json to_jsonb row_to_json json_build_object jsonb_build_object json_build_array jsonb_build_array
    json_object jsonb_object json_array_length jsonb_array_length json_each jsonb_each json_each_text
    jsonb_each_text json_array_elements jsonb_array_elements json_array_elements_text jsonb_array_elements_text
    json_extract_path jsonb_extract_path json_extract_path_text jsonb_extract_path_text json_object_keys
    jsonb_object_keys json_typeof jsonb_typeof jsonb_pretty jsonb_set jsonb_insert jsonb_strip_nulls
    json_strip_nulls jsonb_path_query jsonb_path_exists jsonb_path_query_array jsonb_path_query_first
    jsonb_to_record jsonb_to_recordset json_to_record json_to_recordset json_populate_record
    jsonb_populate_record array_to_json to_tsvector to_tsquery plainto_tsquery phraseto_tsquery
    websearch_to_tsquery ts_rank ts_rank_cd ts_headline

    pg_size_pretty pg_size_bytes pg_total_relation_size pg_relation_size pg_table_size pg_indexes_size
    pg_database_size pg_tablespace_size pg_column_size pg_column_compression pg_relation_filepath
    pg_relation_filenode pg_get_indexdef pg_get_constraintdef pg_get_viewdef pg_get_functiondef
    pg_get_triggerdef pg_get_expr pg_get_userbyid pg_get_serial_sequence pg_get_function_arguments
    pg_get_function_result pg_get_keywords pg_get_partkeydef pg_blocking_pids pg_safe_snapshot_blocking_pids
    pg_backend_pid pg_postmaster_start_time pg_conf_load_time pg_is_in_recovery pg_is_wal_replay_paused
    pg_last_wal_receive_lsn pg_last_wal_replay_lsn pg_last_xact_replay_timestamp pg_current_wal_lsn
    pg_current_wal_insert_lsn pg_current_wal_flush_lsn pg_wal_lsn_diff pg_walfile_name pg_lock_status
    pg_stat_get_activity pg_stat_get_progress_info pg_stat_get_snapshot_timestamp pg_stat_get_backend_pid
    pg_stat_get_live_tuples pg_stat_get_dead_tuples pg_stat_get_db_conflict_all pg_stat_statements
    pg_show_all_settings pg_available_extensions pg_typeof pg_encoding_to_char pg_table_is_visible
    pg_function_is_visible pg_tablespace_location pg_trigger_depth pg_my_temp_schema pg_options_to_table
    pg_prepared_xact pg_cursor pg_prepared_statement pg_timezone_names pg_collation_for pg_char_to_encoding
    pg_current_snapshot pg_snapshot_xmin pg_snapshot_xmax txid_current_snapshot txid_current_if_assigned
    mxid_age pg_buffercache_summary pgstattuple pgstatindex pgstattuple_approx current_setting current_database
    current_schema current_schemas current_user session_user user version current_query inet_client_addr
    inet_client_port inet_server_addr inet_server_port has_table_privilege has_schema_privilege
    has_database_privilege has_column_privilege has_function_privilege has_sequence_privilege
    has_any_column_privilege pg_has_role obj_description col_description shobj_description format_type
    to_regclass to_regtype to_regproc host hostmask netmask network family masklen abbrev broadcast set_masklen
    text
    """
)
# psql's commands that only show. Not: \copy \! \i \ir \o \g \gexec \w \e \s \c \set \password \lo_* \watch.
HARMLESS_META = names(
    r"""
    \d \da \db \dc \dC \dd \ddp \dD \des \det \deu \dew \df \dF \dg \di \dl \dL \dm \dn \do \dO \dp \dP \drds
    \drg \dRp \dRs \ds \dS \dt \dT \du \dv \dx \dX \dy \l \sf \sv \z \x \timing \conninfo \q \pset \a \t \echo
    \encoding \h \? \errverbose \dti \dtv \dtS \diS \dfS \dit
    """
)
