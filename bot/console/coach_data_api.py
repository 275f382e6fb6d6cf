"""The trainers' data (语料接口): promotion, new and changed types, words and signals.

What changes files runs as `intake coach …` in a process of its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from typing import Any

from bot.console.coach_api import environment, serving_name, who
from bot.console.routing import Ask, Field, Section
from bot.desk.training_readings import count_unread
from bot.handbook.errors import DeskError
from bot.settings import ROOT

section = Section("coach_data")
PATIENCE_S = 110.0
CHANGES = ("rename", "merge", "retire")
_TYPE = re.compile(r"[a-z][a-z0-9_]{1,38}")
COMMIT = Field("commit", "flag", about="also commit on a branch when git is there")


async def tool(ask: Ask, *words: str, given: str | None = None) -> dict[str, Any]:
    """Run a short tool and return what it printed as data; its refusal becomes ours."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "coach", *words, cwd=ROOT,
        env=dict(os.environ) | environment(ask), stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(
            process.communicate((given or "").encode()), PATIENCE_S
        )
    except asyncio.TimeoutError:
        process.kill()
        raise DeskError("unavailable", "处理超时，请稍后重试") from None
    try:
        data = json.loads(out)
    except ValueError:
        last = err.decode("utf-8", "replace").strip().splitlines()
        said = last[-1].removeprefix("intake coach: ") if last else "工具没有给出结果"
        raise DeskError("invalid", said) from None
    return dict(data)


@section.endpoint(
    "POST", "/coach/inbox/read", "Let the model in service read the turns that came without a reading",
    "coaching",
)
async def read_inbox(ask: Ask) -> dict[str, Any]:
    """Read; the inbox works without, so that a model that cannot be opened is no error of it."""
    if serving_name(ask) is None or not await ask.look(count_unread):
        return {"read": 0}
    try:
        return {"read": (await tool(ask, "inbox", "--read", "--json", "--limit", "1"))["read"]}
    except DeskError as error:
        return {"read": 0, "why": str(error)}


# From labels to data


@section.endpoint("GET", "/coach/promotion", "What settled labels would change, as a diff", "coaching")
async def promotion(ask: Ask) -> dict[str, Any]:
    """Preview."""
    return await tool(ask, "promote", "--json")


@section.endpoint(
    "POST", "/coach/promotion", "Make settled labels into training sentences", "coaching", body=[COMMIT]
)
async def promote(ask: Ask) -> dict[str, Any]:
    """Promote."""
    words = ["--commit"] if ask.body.get("commit") else []
    return await tool(ask, "promote", "--json", "--write", "--by", who(ask), *words)


@section.endpoint(
    "POST", "/coach/new-type", "Check a new type's answers; write it all when complete", "coaching",
    body=[
        # A sentence takes about two hundred and fifty characters of JSON.
        Field("answers", "object", required=True, most=250_000), Field("write", "flag"), COMMIT,
    ],
)
async def new_type(ask: Ask) -> dict[str, Any]:
    """Check or write."""
    words = [name for name in ("write", "commit") if ask.body.get(name)]
    given = json.dumps(ask.body["answers"], ensure_ascii=False)
    return await tool(
        ask, "new-intent", "-", "--json", "--by", who(ask), *(f"--{word}" for word in words),
        given=given,
    )


@section.endpoint(
    "POST", "/coach/near-types", "Which types a new type's sentences come near, by words, while one writes", "coaching",
    body=[Field("sentences", required=True, most=100_000, about="one a line")],
)
async def near_types(ask: Ask) -> dict[str, Any]:
    """Look."""
    return await tool(ask, "near", "-", "--json", given=ask.body["sentences"])


def type_name(value: str | None, field: str) -> str:
    """Return the name of a type, which must not be read as an option of the tool."""
    if not value or not _TYPE.fullmatch(value):
        raise DeskError("invalid", f"{field} 应为类型名：小写字母、数字和下划线", field=field)
    return value


@section.endpoint(
    "POST", "/coach/change-type", "Rename, merge or retire a type: as a diff, or written", "coaching",
    body=[
        Field("act", required=True, options=CHANGES), Field("type", required=True, most=40),
        Field("into", most=40, about="the new name, or the type that takes it in"),
        Field("title", most=12), Field("write", "flag"), COMMIT,
    ],
)
async def change_type(ask: Ask) -> dict[str, Any]:
    """Preview or write."""
    act, line = ask.body["act"], [type_name(ask.body["type"], "type")]
    if act != "retire":
        line.append(type_name(ask.body.get("into"), "into"))
    if act == "rename" and (title := ask.body.get("title")):
        line.append(f"--title={title}")
    flags = [f"--{name}" for name in ("write", "commit") if ask.body.get(name)]
    return await tool(ask, f"{act}-intent", *line, "--json", "--by", who(ask), *flags)


@section.endpoint(
    "GET", "/coach/situations", "Situations of a type, to divide it by", "coaching",
    query=[Field("type", required=True, most=40)],
)
async def situations(ask: Ask) -> dict[str, Any]:
    """List situations."""
    return await tool(ask, "situations", type_name(ask.query["type"], "type"), "--json")


@section.endpoint("GET", "/coach/words", "Words of the lexicon and the raising signals", "coaching")
async def known_words(ask: Ask) -> dict[str, Any]:
    """List words and signals."""
    return await tool(ask, "words", "--show", "--json")


@section.endpoint(
    "POST", "/coach/words", "Preview or save words of the lexicon, or one signal", "coaching",
    body=[
        Field("add", "texts"), Field("drop", "texts"), Field("signal", "object"),
        Field("write", "flag"), COMMIT,
    ],
)
async def words(ask: Ask) -> dict[str, Any]:
    """Preview or save."""
    flags = [f"--{name}" for name in ("write", "commit") if ask.body.get(name)]
    if signal := ask.body.get("signal"):
        given = json.dumps(signal, ensure_ascii=False)
        return await tool(ask, "words", "--json", "--by", who(ask), "--signal", "-", *flags, given=given)
    lists = []
    for name in ("add", "drop"):
        # A word that looks like an option must not become one.
        if found := [word for word in ask.body.get(name, []) if not word.startswith("-")]:
            lists += [f"--{name}", *found]
    return await tool(ask, "words", "--json", "--by", who(ask), *flags, *lists)
