"""How Alembic runs the revisions: on the connection that `forewarn.database_admin` hands over, in one transaction."""

from alembic import context

from forewarn.migrations.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,  # SQLite cannot alter a column in place
)
context.run_migrations()
