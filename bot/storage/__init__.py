"""The records (记录): rows, engine and migrations; SQLite by default, PostgreSQL by setting."""
