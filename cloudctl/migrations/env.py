"""Alembic's entry: runs the migrations on the connection that `migrate` hands over."""

from alembic import context

from cloudctl.core.database import Base

connection = context.config.attributes["connection"]
# Its naming convention names the constraints that the revisions leave unnamed, as it does for the tables.
context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=False)
context.run_migrations()
