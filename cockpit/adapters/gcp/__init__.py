"""Google Cloud over plain REST: Cloud Run v2 and Cloud Logging v2."""
