"""The dashboard's pages without a browser."""
