"""Understanding 语义理解: what Rasa's graph loads, and the arithmetic behind it."""
