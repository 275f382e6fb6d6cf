"""Draw the pictures of the trainers' guide from the running page."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from selenium.webdriver import Chrome

from bot.desk.conversations import open_conversation
from bot.desk.messages import note_for_review, receive_message
from bot.desk.model_files import card_path, gate_path, models_folder, point_to, write_json
from bot.handbook.tables import load_handbook
from tests.coach.held import TOOL_S
from tests.console.conftest import LocalDesk, start_local
from tests.pages.chromium import open_chromium, resize
from tests.pages.test_coach_page import choose
from tests.pages.test_console_page import Page

# As many of the example as one types to see the list of old sentences; more only take longer to type.
TYPED = 36
EXAMPLE = Path(__file__).parents[1] / "coach" / "port_out_progress.yml"
WIDTH = 1180
TURNS = (
    ("我昨天交的转走申请，系统里现在走到哪个环节了", "clarified", ("port_out", 0.41), ("ticket_status", 0.33)),
    ("昨天交的转走申请现在走到哪个环节了", "clarified", ("port_out", 0.44), ("ticket_status", 0.30)),
    ("上礼拜签字办转出，那个授权短信影子都没见着", "clarified", ("port_out", 0.36), ("sim_replace", 0.22)),
    ("刚买俩月的手机主板坏了 上哪儿走保修", "out_of_scope", ("out_of_scope", 0.52), ("store_info", 0.21)),
    ("宽带断了话费也不对", "clarified", ("fault_broadband", 0.47), ("bill_dispute", 0.38)),
)
REGISTERS = {
    "voice_menu": "菜单", "speech": "口语", "typed": "打字", "plain": "书面", "polite": "客气", "dialect": "方言",
    "furious": "生气", "ironic": "反话", "traditional": "繁体", "mixed": "混合", "long": "长句",
}  # fmt: skip
LEVELS = {"general": "一般", "major": "重大", "urgent": "紧急"}


def limit(id_: str, title: str, value: float, bound: str, was: float | None = None) -> dict[str, Any]:
    return {"id": id_, "title": title, "ok": True, "value": value, "was": was, "bound": bound, "why": ""}


REPORT: dict[str, Any] = {
    "passed": True, "played": True, "model": "intake-5f0c2d81", "against": "intake-b41a97e3", "sentences": 812, "reasons": [],
    "limits": [
        limit("urgent_recall", "紧急召回率", 0.871, "≥0.8，区间下限≥0.72", 0.862), limit("false_urgent", "误判紧急的比例", 0.031, "≤0.08", 0.033),
        limit("accuracy_loss", "总准确率下降", -0.006, "≤0.01"), limit("type_loss", "单一类型召回率下降", 0.043, "≤0.08（变差满3句的类型）"),
        limit("conversations", "对话用例变差", 0, "≤0"), limit("latency", "单句判读耗时（毫秒，95分位）", 6.4, "≤80", 6.3),
    ],
    "types": [
        {"type": "port_out_progress", "title": "携转进度查询", "n": 6, "before": 0.0, "after": 0.83, "verdict": "better",
         "broken": [], "fixed": [{"text": "携出的批复下来没有啊 等得心焦", "before": "port_out", "after": "port_out_progress"}],
         "still": [{"text": "转网的事有下文了吗", "before": "port_out", "after": "port_out"}]},
        {"type": "ticket_status", "title": "进度查询", "n": 23, "before": 0.87, "after": 0.83, "verdict": "worse", "fixed": [],
         "broken": [{"text": "我之前申请的那个办到哪步了", "before": "ticket_status", "after": "port_out_progress"}]},
    ],
    "confusion": [{"type": "ticket_status", "read_as": "port_out_progress", "change": 1}],
    "conversations": {"broken": [], "failed": []},
}  # fmt: skip


def furnish(local: LocalDesk) -> None:
    """Put turns into the inbox, and two models beside each other."""
    home = local.desk.settings.home
    models_folder(home).mkdir(exist_ok=True)
    for age, name in enumerate((REPORT["model"], REPORT["against"])):
        with (models_folder(home) / f"{name}.tar.gz").open("wb") as archive:
            archive.truncate(7_437_862 - 11_000 * age)
        os.utime(models_folder(home) / f"{name}.tar.gz", (1_790_000_000 - 86_400 * age,) * 2)
        write_json(card_path(home, name), {"sentences": 12_891 - 32 * age})
        write_json(gate_path(home, name), {**REPORT, "model": name})
    point_to(home, REPORT["against"], now=local.now(), previous=None, watched=False)
    local.add("zhou", "trainer", title="周老师")
    with local.desk.sessions.begin() as session:
        for number, (text, reason, *ranking) in enumerate(TURNS):
            conversation = open_conversation(
                session, channel="web", external_id=f"v{number}", id=f"v{number}", now=local.now()
            )
            message, _ = receive_message(session, conversation, text=text, external_id="m1", now=local.now())
            note_for_review(
                session, conversation_id=conversation.id, message_id=message.id, reason=reason, text=text,
                reading={"ranking": [list(pair) for pair in ranking]}, now=local.now(),
            )


def fill(page: Page) -> None:
    """Answer what the page asks of a new type, as the example does."""
    titles = load_handbook().types
    answers = YAML(typ="safe").load(EXAMPLE.read_text("utf-8"))
    sentences = "\n".join(
        f"{LEVELS[s['urgency']]} {REGISTERS[s['register']]} #{s['situation']} {s['text']}" for s in answers["sentences"][:TYPED]
    )
    for label, words in {
        "名称（英文）": answers["id"], "中文名": answers["title"], "它是什么": answers["definition"],
        "它不是什么（一行一个：相近类型：区别）": "\n".join(
            f"{titles[name].title}：{why}" for name, why in answers["not"].items()
        ),
        "例句（一行一句；可在句前写：紧急程度 说话方式 #情形）": sentences,
        "答复：常见问法（一行一个）": "\n".join(answers["answer"]["asks"]), "答复内容": answers["answer"]["text"],
        "答复负责人": answers["answer"]["owner"], "复核日期，如2027-03-31": answers["answer"]["review"],
    }.items():
        page.see(f".newtype [aria-label='{label}']").send_keys(str(words))
    choose(page, "责任团队", "业务受理组")
    page.click(".newtype button", "检查")
    page.see(".newtype [role=status]", "检查通过", patience=TOOL_S)


def shot(browser: Chrome, path: Path, css: str, height: int) -> Path:
    """Save what is seen from an element on."""
    resize(browser, WIDTH, height)
    browser.execute_script("document.querySelector(arguments[0]).scrollIntoView({block: 'start'})", css)
    browser.execute_script("document.activeElement?.blur()")
    browser.save_screenshot(str(path))
    return path


def draw_trainers_page(folder: Path, pictures: Path) -> list[Path]:
    """Serve a furnished desk, walk through the trainers' page and save it tab by tab."""
    home = folder / "trainers"
    home.mkdir()
    local, end = start_local(home)
    browser = open_chromium(folder / "trainer-profile")
    try:
        furnish(local)
        page = Page(browser, local.url)
        resize(browser, WIDTH, 1400)
        page.sign_in("zhou")
        page.click(".pages button", "训练")
        page.see(".coachgroups", TURNS[0][0])
        drawn = [shot(browser, pictures / "trainer-inbox.png", "h1", 760)]
        page.click(".coachtabs button", "语料与类型")
        fill(page)
        drawn.append(shot(browser, pictures / "trainer-new-type.png", ".newtype", 1240))
        drawn.append(words(page, pictures / "trainer-words.png"))
        page.click(".coachtabs button", "模型")
        page.click("tr button", "报告")
        page.see(".report", "紧急召回率")
        drawn.append(shot(browser, pictures / "trainer-models.png", "h1", 1080))
    finally:
        browser.quit()
        end()
    return drawn


def words(page: Page, path: Path) -> Path:
    """Preview a new word and show it."""
    page.see("input[aria-label='新词']").send_keys("授权短信")
    page.click(".lexicon button", "预览")
    page.see(".preview", "近一周")
    return shot(page.browser, path, ".changetype", 900)
