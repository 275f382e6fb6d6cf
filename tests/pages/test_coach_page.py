"""The trainers' page in a real browser: label by keyboard, see what is missing, switch and go back."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from sqlalchemy import func, select

from bot.coach.near_types import learned
from bot.desk.conversations import open_conversation
from bot.desk.messages import note_for_review, receive_message
from bot.desk.model_files import (
    card_path,
    gate_path,
    models_folder,
    point_to,
    pointer,
    write_json,
)
from bot.desk.shadowing import note_shadow, shadow
from bot.desk.training_labels import skip_items
from bot.settings import ROOT
from bot.storage.coach import InboxItem
from bot.storage.conversations import Message
from tests.coach.held import TOOL_S
from tests.console.conftest import LocalDesk, start_local
from tests.needs import chromium
from tests.pages.test_console_page import Page

REPORT = {
    "passed": True, "played": True, "model": "new", "against": "old", "sentences": 100, "reasons": [],
    "limits": [
        {"id": "urgent_recall", "title": "紧急召回率", "ok": True, "value": 0.88, "was": 0.86, "bound": "≥0.8", "why": ""},
        {
            "id": "new_type_recall", "title": "新类型召回率", "ok": True, "value": None, "was": None,
            "bound": "≥0.6", "why": "", "warning": "测试句不足3句，无法判断：终端维修（0句）",
        },
    ],
    "types": [
        {
            "type": "port_out", "title": "携号转网", "n": 20, "before": 0.7, "after": 0.8,
            "verdict": "better", "broken": [],
            "fixed": [{"text": "想带着号码走", "before": "plan_change", "after": "port_out"}],
            "still": [{"text": "转到别家去", "before": "close_account", "after": "close_account"}],
        }
    ],
    "conversations": {"broken": []}, "measures": {"urgent_recall": 0.88, "accuracy": 0.745},
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalDesk]:
    """Serve a desk with two models, turns in the inbox and a trainer."""
    home = tmp_path_factory.mktemp("coach")
    models_folder(home).mkdir()
    for age, name in enumerate(("new", "third", "old")):
        (models_folder(home) / f"{name}.tar.gz").write_bytes(b"model")
        os.utime(models_folder(home) / f"{name}.tar.gz", (1_790_000_000 - age,) * 2)
        write_json(gate_path(home, name), {**REPORT, "model": name})
    local, end = start_local(home)
    point_to(home, "old", now=local.now(), previous=None, watched=False)
    local.add("zhou", "trainer", title="周老师")
    with local.desk.sessions.begin() as session:
        for text in ("携号转网办到哪一步了", "授权码怎么一直收不到呢", "你们那儿卖不卖冰箱"):
            note_for_review(
                session, conversation_id="c1", message_id=None, reason="clarified", text=text,
                reading={"ranking": [["port_out", 0.4], ["ticket_status", 0.3]]}, now=local.now(),
            )
    yield local
    end()


@pytest.fixture(scope="module")
def trainer(served: LocalDesk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """Sign the trainer in."""
    browser = chromium(tmp_path_factory.mktemp("chromium"))
    page = Page(browser, served.url)
    page.sign_in("zhou")
    yield page
    browser.quit()


@pytest.fixture
def page(served: LocalDesk, trainer: Page) -> Page:
    """Serve the old model and open the page anew, whatever was done on it before."""
    return opened(served, trainer, serving="old")


def opened(served: LocalDesk, page: Page, *, serving: str) -> Page:
    """Open the trainers' page while a model serves."""
    point_to(served.desk.settings.home, serving, now=served.now(), previous=None, watched=False)
    page.browser.get(f"{served.url}/console")
    page.click(".pages button", "训练")
    return page


def test_a_label_is_one_key(served: LocalDesk, page: Page) -> None:
    page.click(".coachtabs button", "待标注")
    page.see("[role=status]", "还有3句待标注")
    # A list that was asked for before the decisions comes after them.
    page.browser.execute_script(
        """const now = window.fetch; window.fetch = async (url, how) => {
             const answer = await now(url, how);
             if (!String(url).includes('/coach/inbox') || how?.method === 'POST') return answer;
             window.fetch = now; await new Promise((go) => { window.letGo = go; }); return answer; };"""
    )
    page.click(".coachtabs button", "待标注")
    page.browser.find_element("css selector", "h1").click()
    page.press("1")
    page.see("[role=status]", "还有2句待标注")
    page.press("o")
    page.see("[role=status]", "还有1句待标注")
    page.browser.execute_async_script("window.letGo(); setTimeout(arguments[0], 300)")
    page.see("[role=status]", "还有1句待标注")

    with served.desk.sessions() as session:
        states = session.execute(select(InboxItem.state)).scalars().all()
    assert sorted(states).count("open") == 1


def test_an_odd_turn_is_left_out_and_the_last_decision_taken_back(served: LocalDesk, page: Page) -> None:
    odd = "副卡的流量怎么不共享给主卡"
    with served.desk.sessions.begin() as session:
        for text in ("副卡的流量怎么共享给主卡", "副卡的流量怎么共享给主卡呀", odd):
            note_for_review(
                session, conversation_id="c1", message_id=None, reason="clarified", text=text,
                reading={"ranking": [["plan_consult", 0.4], ["usage_query", 0.38], ["plan_change", 0.2]]},
                now=served.now(),
            )

    def states() -> dict[str, str]:
        with served.desk.sessions() as session:
            rows = session.execute(select(InboxItem.text, InboxItem.state)).all()
        return {text: state for text, state in rows if text.startswith("副卡的流量")}

    page.click(".coachtabs button", "待标注")
    page.see(".coachgroups > li.on", odd)
    before = int("".join(filter(str.isdigit, page.see("[role=status]", "待标注").text)))
    [row] = [e for e in page.browser.find_elements("css selector", ".coachgroups > li.on li") if odd in e.text]
    row.find_element("css selector", "button").click()
    page.see(".coachgroups li.out", odd)
    page.press("1")
    page.see(".coachgroups > li.on", odd)
    page.gone(".coachgroups > li.on", "主卡呀")
    page.see("[role=status]", f"还有{before - 2}句待标注")
    assert [text for text, state in states().items() if state == "open"] == [odd]
    page.press("z")
    page.see("[role=status]", f"还有{before}句待标注")
    assert set(states().values()) == {"open"}
    with served.desk.sessions.begin() as session:
        ids = session.execute(select(InboxItem.id).where(InboxItem.text.startswith("副卡"))).scalars().all()
        skip_items(session, ids, labeller="zhou", now=served.now())


def test_a_type_under_pointer_or_focus_says_what_it_is_and_is_not(page: Page) -> None:
    page.click(".coachtabs button", "待标注")
    page.see(".about", "携号转网：")
    scope = page.see(".decision button", "超出范围")
    ActionChains(page.browser).move_to_element(scope).perform()
    page.see(".about", "超出范围：听懂了")
    page.browser.execute_script(
        "arguments[0].focus()", page.see(".decision [aria-label='类型'] button", "进度查询")
    )
    page.see(".about", "进度查询：")
    page.see(".about li", "要求快点 → 催单")


def test_a_judgement_with_other_signals_is_said_before_the_way_back(
    served: LocalDesk, trainer: Page
) -> None:
    home = served.desk.settings.home
    write_json(card_path(home, "third"), {"signals": "1-abcdef01"})
    point_to(home, "old", now=served.now(), previous="third", watched=False)
    trainer.browser.get(f"{served.url}/console")
    trainer.click(".pages button", "训练")
    trainer.click(".coachtabs button", "模型")
    trainer.click(".coach button", "一键退回")
    trainer.see(".el-message-box", "为第1版（abcdef01），现为第")
    trainer.click(".el-message-box button", "取消")
    trainer.gone(".el-message-box", "紧急征象已改动")
    card_path(home, "third").unlink()

    assert pointer(home)["model"] == "old"


def test_a_shadow_is_begun_watched_and_ended(served: LocalDesk, page: Page) -> None:
    home = served.desk.settings.home
    page.click(".coachtabs button", "模型")
    page.click("tr button", "影子")
    page.see(".el-message-box input").send_keys(Keys.BACKSPACE * 3 + "20" + Keys.ENTER)
    page.see(".standing [role=status]", "旁读20%的会话，读了0句，0句不同")
    note_shadow(home, shadow(home)["at"], state="failed", message="模型未能打开", turns=7, differences=2)
    page.see(".standing [role=status]", "读了7句，2句不同")
    page.see(".standing", "模型未能打开")
    page.click(".standing button", "结束影子")
    page.gone(".standing", "影子")

    assert shadow(home) == {}


def test_near_types_are_shown_while_sentences_are_written(served: LocalDesk, page: Page) -> None:
    # The first look after a change of the data learns them; the page is not about that.
    learned(ROOT, served.desk.settings.home)
    page.click(".coachtabs button", "语料与类型")
    said = page.see(".newtype [aria-label^='例句']")
    said.send_keys("宽带断了上不了网\n家里宽带一直掉线\n光猫红灯亮着没有网\n")
    page.see(".newtype .near", "宽带故障")
    said.send_keys(Keys.CONTROL + "a" + Keys.NULL + Keys.BACKSPACE)


def test_an_incomplete_type_says_what_is_missing(page: Page) -> None:
    page.click(".coachtabs button", "语料与类型")
    page.see("input[aria-label='中文名']").send_keys("转网进度")
    page.click(".newtype button", "检查")

    page.see(".problems li", "至少30句")
    page.see(".problems li", "请写明它不是什么")


def test_old_sentences_are_offered_and_a_tick_stays(page: Page) -> None:
    page.click(".coachtabs button", "语料与类型")
    said = page.see(".newtype [aria-label^='例句']")
    said.send_keys("授权码短信一直没来\n携转审核通过没\n")
    page.click(".newtype button", "检查")
    page.see(".alike", "不移过来新类型就读不出来", patience=TOOL_S)
    wider = "const page = document.querySelector('main'); return page.scrollWidth > page.clientWidth"
    assert not page.browser.execute_script(wider), "a long sentence makes the page wider than the window"
    text = page.see(".alike li span:nth-of-type(2)").text
    page.gone(".alike .is-checked")
    page.click(".alike li .el-checkbox")
    page.see(".alike li .is-checked")
    said.send_keys("生效时间定了没有\n")
    page.click(".newtype button", "检查")
    page.see(".newtype .problems li", "现在3句", patience=TOOL_S)
    page.see(".alike li:has(.is-checked)", text)
    page.click(".alike li .el-checkbox")
    page.gone(".alike .is-checked")
    said.send_keys(Keys.CONTROL + "a" + Keys.NULL + Keys.BACKSPACE)


def choose(page: Page, label: str, option: str) -> None:
    """Choose from a list by its label, as a person does: open, then click."""
    page.browser.execute_script(
        "arguments[0].closest('.el-select').querySelector('.el-select__wrapper').click()",
        page.browser.find_element("css selector", f"[aria-label='{label}']"),
    )
    page.click(".el-select-dropdown__item", option)


def test_a_new_word_is_previewed_on_last_weeks_turns(served: LocalDesk, page: Page) -> None:
    said(served, "授权码一直没到", "授权码怎么查")
    page.click(".coachtabs button", "语料与类型")
    page.see("input[aria-label='新词']").send_keys("授权码没到")
    page.click(".lexicon button", "预览")

    with served.desk.sessions() as session:
        turns = session.execute(select(func.count(Message.id)).where(Message.direction == "in")).scalar()
    page.see(".preview", f"近一周{turns}句中有")
    page.see(".preview .diff .plus", "授权码没到 5000 n")


def test_a_signal_is_previewed_on_last_weeks_turns(served: LocalDesk, page: Page) -> None:
    said(served, "机房进水了快来人")
    page.click(".coachtabs button", "语料与类型")
    choose(page, "征象", "新征象")
    for label, words in {
        "名称（英文）": "flooded", "征象名": "机房进水", "出现（正则，<词组名>可用）": "机房.{0,6}进水",
        "应提级的例句（一行一个）": "机房进水了", "不应提级的例句（一行一个）": "机房在哪里",
    }.items():
        page.see(f".signals [aria-label='{label}']").send_keys(words)
    page.click(".signals button", "预览")

    page.see(".preview li", "机房进水了快来人：— → 机房进水")


def test_a_change_of_a_type_is_shown_before_it_is_written(page: Page) -> None:
    page.click(".coachtabs button", "语料与类型")
    choose(page, "变更", "停用")
    choose(page, "类型", "国际漫游")
    page.click(".changetype button", "查看改动")

    page.see(".changetype .diff .minus", "- intent: roaming")


def test_situations_are_offered_for_dividing_a_type(page: Page) -> None:
    page.click(".coachtabs button", "语料与类型")
    choose(page, "从哪个类型拆分", "过户")
    page.browser.execute_script(
        "document.querySelector(\"[aria-label='移过来的情形']\").closest('.el-select').querySelector('.el-select__wrapper').click()"
    )
    page.see(".el-select-dropdown__item", "句）")
    page.browser.find_element("css selector", "h1").click()


def said(served: LocalDesk, *texts: str) -> None:
    """Let a customer say something this week."""
    with served.desk.sessions.begin() as session:
        for number, text in enumerate(texts):
            conversation = open_conversation(
                session, channel="web", external_id=f"{text}{number}", id=f"{text}{number}", now=served.now()
            )
            receive_message(session, conversation, text=text, external_id="m1", now=served.now())


def test_the_report_shows_the_sentences_behind_a_change(page: Page) -> None:
    page.click(".coachtabs button", "模型")
    page.click("tr button", "报告")
    page.see(".report .said li", "想带着号码走")
    row = page.see(".report tr", "紧急召回率").text
    assert "0.88" in row and "0.86" in row
    page.see(".report tr", "达标；测试句不足3句，无法判断：终端维修（0句）")
    page.click(".report summary", "两个模型都读错的1句")
    page.see(".report details li", "转到别家去")


def test_switch_with_a_reason_and_one_click_back(served: LocalDesk, page: Page) -> None:
    home = served.desk.settings.home
    page.click(".coachtabs button", "模型")
    page.click("tr button", "上线")
    page.see(".el-message-box input").send_keys("携号转网更准" + Keys.ENTER)
    page.see("[role=status]", "在用：new")
    assert pointer(home)["model"] == "new"
    page.see(".rows li", "评审时：紧急召回率88.0%，总准确率74.5%")
    page.see(".watch", "上线后观察：new")
    page.click(".coach button", "一键退回")
    page.see("[role=status]", "在用：old")
    assert pointer(home)["model"] == "old"
    page.click("tr button", "退回到此")
    page.see(".el-message-box input").send_keys("还是新的好" + Keys.ENTER)
    page.see("[role=status]", "在用：new")
    page.see(".rows li", "还是新的好")


@pytest.mark.parametrize(
    ("report", "said"),
    [({"played": False}, "走完对话后才能上线"), ({"against": "other"}, "对比的不是在用模型，请重新评审")],
)
def test_a_pass_that_is_not_enough_says_what_is_missing(
    served: LocalDesk, trainer: Page, report: dict[str, object], said: str
) -> None:
    write_json(gate_path(served.desk.settings.home, "third"), {**REPORT, "model": "third", **report})
    page = opened(served, trainer, serving="old")
    page.click(".coachtabs button", "模型")
    page.see("tr", said)


def test_a_share_of_the_conversations_goes_to_a_canary(served: LocalDesk, trainer: Page) -> None:
    report = {**REPORT, "model": "third", "against": "new"}
    write_json(gate_path(served.desk.settings.home, "third"), report)
    page = opened(served, trainer, serving="new")
    page.click(".coachtabs button", "模型")
    page.click("tr button", "灰度")
    page.see(".el-message-box input").send_keys(Keys.BACKSPACE * 2 + "20" + Keys.ENTER)
    page.see(".el-message-box", "请写明原因")
    page.gone(".el-message-box", "应答的会话比例")
    page.see(".el-message-box input").send_keys("先试两成" + Keys.ENTER)
    page.see(".rows li", "先试两成")
    page.see(".rows li", "应答20%的新会话")
    page.see(".watch", "灰度中：third")
    page.see(".watch tr", "转人工率")

    canary = pointer(served.desk.settings.home)["canary"]
    assert (canary["model"], canary["share"]) == ("third", 0.2)


def test_the_page_complains_of_nothing(page: Page) -> None:
    # Before the sign-in the page asks who is there, and is told: nobody.
    loud = [row["message"] for row in page.browser.get_log("browser") if row["level"] == "SEVERE"]
    assert [message for message in loud if "/staff/me" not in message] == []
