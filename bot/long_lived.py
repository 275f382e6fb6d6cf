"""What lives as long as the process 常驻对象: the collector of garbage need not look at it again.

Tables, rules and models are some hundred thousand objects. Python looks through all of them every
so often, in the middle of somebody's turn.
"""

from __future__ import annotations

import gc

# New objects between two looks for garbage; Python's own 700 is one turn's worth.
NEW_OBJECTS = 20_000


def keep_out_of_collection() -> None:
    """Take every object there is now out of the collector's rounds, and make these rarer."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, 20, 20)
