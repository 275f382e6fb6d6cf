"""The work (业务): use cases over the records; no Rasa, no Sanic."""
