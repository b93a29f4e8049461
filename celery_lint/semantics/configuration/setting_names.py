"""The names of Celery's settings: today's, and those from before Celery 4.

Taken from celery/app/defaults.py of Celery 5.7, which has every name of 5.3 and later.
"""

from __future__ import annotations

# Settings by what their names begin with, and what their old names began with there.
_GROUPS = {
    ("", "CELERY_"): "accept_content imports include timezone",
    ("arangodb_", "CELERY_ARANGODB_"): "backend_settings",
    ("beat_", "CELERYBEAT_"): """
        cron_starting_deadline enable_remote_control max_loop_interval remote_control_max_tick_age schedule
        schedule_filename scheduler sync_every
    """,
    ("broker_", "BROKER_"): """
        channel_error_retry connection_max_retries connection_retry connection_retry_on_startup connection_timeout
        failover_strategy heartbeat heartbeat_checkrate host login_method native_delayed_delivery_queue_type password
        pool_acquire_timeout pool_limit port read_url transport transport_options url use_ssl user vhost write_url
    """,
    ("cache_", "CELERY_CACHE_"): "backend backend_options",
    ("couchbase_", "CELERY_COUCHBASE_"): "backend_settings",
    ("elasticsearch_", "CELERY_ELASTICSEARCH_"): "max_retries retry_on_timeout save_meta_as_text timeout",
    ("event_", "CELERY_EVENT_"): """
        exchange queue_durable queue_exclusive queue_expires queue_prefix queue_ttl serializer
    """,
    ("mongodb_", "CELERY_MONGODB_"): "backend_settings",
    ("redis_", "CELERY_REDIS_"): """
        backend_use_ssl db host max_connections password port retry_on_timeout socket_connect_timeout
        socket_keepalive socket_timeout username
    """,
    ("result_", "CELERY_RESULT_"): """
        backend backend_always_retry backend_base_sleep_between_retries_ms backend_max_retries
        backend_max_sleep_between_retries_ms backend_transport_options chord_expires chord_join_timeout
        chord_retry_interval compression exchange exchange_type extended failure_expires persistent serializer
    """,
    ("security_", "CELERY_SECURITY_"): "cert_store certificate digest key key_password",
    ("task_", "CELERY_"): """
        acks_late acks_on_failure acks_on_failure_or_timeout acks_on_timeout allow_error_cb_on_chord_header
        always_eager annotations create_missing_queue_exchange_type create_missing_queue_type create_missing_queues
        default_delivery_mode default_exchange default_exchange_type default_priority default_queue
        default_queue_type default_rate_limit default_routing_key ignore_result inherit_parent_priority
        queue_max_priority queues reject_on_worker_lost remote_tracebacks repr_maxlevels retry_on_worker_lost routes
        store_eager_result store_errors_even_if_ignored track_started
    """,
    ("task_", "CELERY_TASK_"): "protocol publish_retry publish_retry_policy serializer",
    ("task_", "CELERYD_TASK_"): "soft_time_limit time_limit",
    ("worker_", "CELERYD_"): """
        agent autoscaler cancel_long_running_tasks_on_connection_loss concurrency consumer
        deduplicate_successful_tasks detect_quorum_queues disable_prefetch enable_prefetch_count_reduction
        enable_soft_shutdown_on_idle eta_task_limit hijack_root_logger log_color log_datefmt log_format
        max_memory_per_child max_tasks_per_child pool pool_putlocks pool_restarts pool_start_method
        prefetch_multiplier proc_alive_timeout soft_shutdown_timeout state_db task_log_datefmt task_log_format timer
        timer_precision
    """,
    ("worker_", "CELERY_"): "disable_rate_limits enable_remote_control redirect_stdouts redirect_stdouts_level",
}
_IRREGULAR = {
    "database_engine_options": "CELERY_RESULT_ENGINE_OPTIONS",
    "database_short_lived_sessions": "CELERY_RESULT_DB_SHORT_LIVED_SESSIONS",
    "database_table_names": "CELERY_RESULT_DB_TABLENAMES",
    "database_url": "CELERY_RESULT_DBURI",
    "result_cache_max": "CELERY_MAX_CACHED_RESULTS",
    "result_expires": "CELERY_TASK_RESULT_EXPIRES",
    "task_compression": "CELERY_MESSAGE_COMPRESSION",
    "task_eager_propagates": "CELERY_EAGER_PROPAGATES_EXCEPTIONS",
    "task_send_sent_event": "CELERY_SEND_TASK_SENT_EVENT",
    "worker_direct": "CELERY_WORKER_DIRECT",
    "worker_lost_wait": "CELERYD_WORKER_LOST_WAIT",
    "worker_send_task_events": "CELERY_SEND_EVENTS",
}
OLD_NAMES = {
    **{f"{new}{name}": f"{old}{name.upper()}" for (new, old), names in _GROUPS.items() for name in names.split()},
    **_IRREGULAR,
}
"""The name from before Celery 4 of each setting that had, or would have had, another one."""
NEW_NAMES = {old: new for new, old in OLD_NAMES.items()}
"""Today's name of a setting by that from before Celery 4."""
BARE = ("accept_content", "enable_utc", "imports", "include", "timezone")
"""Settings whose names begin with no family."""
FAMILIES = (
    "arangodb", "azureblockblob", "beat", "broker", "cache", "cassandra", "control", "cosmosdbsql", "couchbase",
    "database", "elasticsearch", "event", "gcs", "mongodb", "redis", "result", "s3", "security", "task", "worker",
)  # fmt: skip
"""What the names of settings begin with."""
# Settings that never had another name than today's, in capitals.
_UNCHANGED = """
    enable_utc result_accept_content
    azureblockblob_base_path azureblockblob_connection_timeout azureblockblob_container_name
    azureblockblob_read_timeout azureblockblob_retry_increment_base azureblockblob_retry_initial_backoff_sec
    azureblockblob_retry_max_attempts
    cassandra_auth_kwargs cassandra_auth_provider cassandra_bundle_path cassandra_entry_ttl cassandra_keyspace
    cassandra_options cassandra_port cassandra_read_consistency cassandra_servers cassandra_table
    cassandra_write_consistency
    control_exchange control_queue_durable control_queue_exclusive control_queue_expires control_queue_ttl
    cosmosdbsql_collection_name cosmosdbsql_consistency_level cosmosdbsql_database_name
    cosmosdbsql_max_retry_attempts cosmosdbsql_max_retry_wait_time
    database_create_tables_at_setup database_engine_callback database_table_schemas
    gcs_base_path gcs_bucket gcs_project gcs_ttl
    s3_access_key_id s3_base_path s3_bucket s3_endpoint_url s3_region s3_secret_access_key
"""
# What Celery reads though its defaults do not name it (celery/bin/base.py, `DaemonOption`; celery/backends/).
_UNLISTED = """
    beat_executable beat_gid beat_logfile beat_pidfile beat_uid beat_umask cassandra_secure_bundle_path
    events_executable events_gid events_logfile events_pidfile events_uid events_umask db_reuse_max
    dynamodb_endpoint_url firestore_project gcs_threadpool_maxsize override_backends
    redis_backend_credential_provider redis_backend_health_check_interval redis_client_name
    result_backend_thread_safe worker_executable worker_gid worker_logfile worker_pidfile worker_uid worker_umask
"""
# What packages beside Celery read in its families: sqlalchemy-celery-beat, tenant-schemas-celery, celerybeat-mongo.
_OF_OTHERS = """
    beat_dburi beat_engine_options beat_schema beat_tz_aware mongodb_scheduler_collection mongodb_scheduler_db
    mongodb_scheduler_url task_cls task_tenant_cache_seconds
"""
KNOWN = frozenset({*OLD_NAMES, *_UNCHANGED.split()})
"""Celery's settings by their names of today."""
READ = KNOWN | frozenset({*_UNLISTED.split(), *_OF_OTHERS.split()})
"""All names that Celery, or a package that is used with it, is known to read."""
# Gone since Celery 4 (docs: history/whatsnew-4.0.html, Removed settings).
GONE = frozenset({"chord_propagates", "send_task_error_emails", "task_error_emails", "task_send_error_emails"})
NEWEST = (5, 7)
"""The version that the names are taken from."""


def in_namespace(name: str, namespace: str) -> str:
    """How a setting is called where it is read with a namespace (celery/utils/collections.py, `match_case`)."""
    whole = f"{namespace.rstrip('_')}_{name}"
    return whole.upper() if namespace.isupper() else whole.lower()
