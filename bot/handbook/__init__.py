"""The handbook (手册): the rules, chapter by chapter; standard library only."""
