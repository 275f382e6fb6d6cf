"""Sources of a component 组件指纹: what Rasa's training cache must look at and does not.

Rasa fingerprints a component's class alone. Ours lean on modules and tables beside it; each
names them in `fingerprint_addon`, so that a change in one trains anew.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path


def fingerprint(modules: Iterable[str], tables: Iterable[Path] = ()) -> str:
    """Return one hash over the source of loaded modules and the content of tables."""
    digest = hashlib.sha256()
    files = [Path(str(sys.modules[name].__file__)) for name in modules]
    for file in [*files, *tables]:
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()
