"""A stand-in for Airflow: as much of its task SDK as the page's DAG uses."""
