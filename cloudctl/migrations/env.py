"""Alembic's entry: runs the migrations on the connection that `migrate` hands over."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, render_as_batch=False)
context.run_migrations()
