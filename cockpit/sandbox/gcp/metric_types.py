"""The metrics that the sandbox writes, as https://cloud.google.com/monitoring/api/metrics_gcp describes them."""

from __future__ import annotations

from cockpit.sandbox.gcp.timeseries import Descriptor

_RUN = "run.googleapis.com"
_SQL = "cloudsql.googleapis.com/database"
_REDIS = "redis.googleapis.com"
_VERTEX = "aiplatform.googleapis.com"
_QUOTA = f"{_VERTEX}/quota/generate_content_requests_per_minute_per_project_per_base_model"
_REVISION, _DATABASE, _STORE = "cloud_run_revision", "cloudsql_database", "redis_instance"
DESCRIPTORS = {
    f"{_RUN}/request_count": Descriptor("DELTA", "INT64", _REVISION),
    f"{_RUN}/request_latencies": Descriptor("DELTA", "DISTRIBUTION", _REVISION, "ms"),
    f"{_RUN}/container/memory/utilizations": Descriptor("DELTA", "DISTRIBUTION", _REVISION, "10^2.%"),
    f"{_RUN}/container/cpu/utilizations": Descriptor("DELTA", "DISTRIBUTION", _REVISION, "10^2.%"),
    f"{_RUN}/container/instance_count": Descriptor("GAUGE", "INT64", _REVISION),
    f"{_SQL}/cpu/utilization": Descriptor("GAUGE", "DOUBLE", _DATABASE, "10^2.%"),
    f"{_SQL}/memory/utilization": Descriptor("GAUGE", "DOUBLE", _DATABASE, "10^2.%"),
    f"{_SQL}/disk/utilization": Descriptor("GAUGE", "DOUBLE", _DATABASE, "10^2.%"),
    f"{_SQL}/postgresql/num_backends": Descriptor("GAUGE", "INT64", _DATABASE),
    f"{_SQL}/replication/replica_lag": Descriptor("GAUGE", "DOUBLE", _DATABASE, "s"),
    f"{_SQL}/available_for_failover": Descriptor("GAUGE", "INT64", _DATABASE),
    f"{_SQL}/instance_state": Descriptor("GAUGE", "BOOL", _DATABASE),
    f"{_REDIS}/stats/memory/usage_ratio": Descriptor("GAUGE", "DOUBLE", _STORE, "10^2.%"),
    f"{_REDIS}/stats/memory/system_memory_usage_ratio": Descriptor("GAUGE", "DOUBLE", _STORE, "10^2.%"),
    f"{_REDIS}/stats/cache_hit_ratio": Descriptor("GAUGE", "DOUBLE", _STORE, "10^2.%"),
    f"{_REDIS}/clients/connected": Descriptor("GAUGE", "INT64", _STORE),
    f"{_REDIS}/replication/offset_diff": Descriptor("GAUGE", "INT64", _STORE, "By"),
    f"{_VERTEX}/publisher/online_serving/token_count": Descriptor("DELTA", "INT64", f"{_VERTEX}/PublisherModel"),
    f"{_VERTEX}/publisher/online_serving/model_invocation_count": Descriptor(
        "DELTA", "INT64", f"{_VERTEX}/PublisherModel"
    ),
    f"{_QUOTA}/limit": Descriptor("GAUGE", "INT64", f"{_VERTEX}/Location"),
    f"{_QUOTA}/usage": Descriptor("DELTA", "INT64", f"{_VERTEX}/Location"),
    f"{_QUOTA}/exceeded": Descriptor("DELTA", "INT64", f"{_VERTEX}/Location"),
}
