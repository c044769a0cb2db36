"""Local control planes that speak Google's wire protocols over one state: Cloud Run v1 and v2, Cloud Logging v2."""
