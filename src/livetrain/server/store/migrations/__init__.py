"""Alembic's scripts: each takes a database from one schema to the next."""
