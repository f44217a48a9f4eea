"""The revisions of the SQL database, run by Alembic through `forewarn.database_admin`; part of the wheel."""
