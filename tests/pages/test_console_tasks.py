"""Smaller tasks at the console: certificates, saved filters, merging, splitting, ready replies."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from bot.channels.web.sessions import new_token
from bot.storage.staff import ComplaintCase, Qualification, SavedView, Staff, TicketLink
from bot.storage.tickets import Ticket
from tests.console.conftest import LocalDesk, start_local
from tests.console.test_conversations import png
from tests.pages.test_console_page import Page, people  # noqa: F401 - the fixture signs in


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalDesk]:
    """Serve a desk with one person, a leader and an administrator."""
    local, end = start_local(tmp_path_factory.mktemp("desk"))
    local.add("li", "staff", "billing", title="李敏")
    local.add("wang", "leader", title="王强")
    local.add("boss", "admin", title="管理员")
    yield local
    end()


def confirm(page: Page) -> None:
    page.click(".el-dialog__footer .el-button--primary")
    page.gone(".el-dialog")


def test_an_administrator_registers_a_certificate_and_changes_an_account(
    console: LocalDesk,
    people: Callable[[str], Page],  # noqa: F811
) -> None:
    boss = people("boss")
    boss.click(".pages button", "同事")
    boss.click("section tr:first-child .plain", "资质")
    boss.click(".el-dialog .el-select")
    boss.click(".el-select-dropdown__item", "客服上岗证")
    # In which order a date is typed depends on the browser's language.
    boss.browser.execute_script(
        "arguments[0].value = '2031-05-31'; arguments[0].dispatchEvent(new Event('input'))",
        boss.see(".el-dialog input[type=date]"),
    )
    confirm(boss)
    boss.click("section tr:first-child .plain", "修改")
    boss.see("[id='field-显示名，客户可见']").send_keys("组")
    confirm(boss)

    with console.desk.sessions() as session:
        staff = session.query(Staff).filter_by(name="li").one()
        held = session.query(Qualification).filter_by(staff_id=staff.id).one()
    assert ("service", 31, "李敏组") == (held.skill, held.expires_on.day, staff.title)


def test_filters_are_saved_under_a_name_and_used_again(
    console: LocalDesk,
    people: Callable[[str], Page],  # noqa: F811
) -> None:
    id_ = console.waiting("断网", team="billing")
    wanted = console.ticket(id_, "fault_broadband", summary="专线抖动丢包")
    other = console.ticket(id_, "bill_query", summary="查账单")
    wang = people("wang")
    wang.click(".pages button", "工单")
    wang.see("td", other)
    wang.see("#ticket-search").send_keys("专线抖动")
    wang.gone("td", other)
    wang.click(".filters .plain", "保存视图")
    wang.see(".el-dialog input").send_keys("专线" + Keys.ENTER)
    wang.see(".view", "专线")
    wang.see("#ticket-search").send_keys(Keys.CONTROL, "a")
    wang.see("#ticket-search").send_keys(Keys.BACKSPACE)
    wang.see("td", other)
    wang.click(".view", "专线")
    wang.gone("td", other)

    assert wang.see("td", wanted)
    with console.desk.sessions() as session:
        assert "专线抖动" == session.query(SavedView).one().filters["q"]


def test_two_tickets_of_one_customer_are_merged_and_one_is_split(
    console: LocalDesk,
    people: Callable[[str], Page],  # noqa: F811
) -> None:
    id_ = console.waiting("两件事", team="billing")
    kept, double = (console.ticket(id_, kind, summary=kind) for kind in ("bill_dispute", "bill_query"))
    wang = people("wang")
    wang.click(f'[data-id="{id_}"]')
    wang.see(".tickethead h2", double)
    more(wang, "合并到另一工单")
    pick(wang, kept)
    wang.see(".el-dialog textarea").send_keys("同一件事")
    confirm(wang)
    wang.see(".tickethead h2", kept)
    more(wang, "拆分出新工单")
    pick(wang, "话费账单查询")
    wang.see(".el-dialog textarea").send_keys("还要查账单")
    confirm(wang)
    wang.see(".related", kept)

    with console.desk.sessions() as session:
        kinds = sorted(link.kind for link in session.query(TicketLink))
        merged = session.query(Ticket).filter_by(number=double).one()
    assert (["merged", "split"], "withdrawn") == (kinds, merged.state)


def test_a_complaint_is_resolved_with_its_cause_in_one_dialog(
    console: LocalDesk,
    people: Callable[[str], Page],  # noqa: F811
) -> None:
    id_ = console.waiting("没人处理，我要打12300", team="billing")
    number = console.ticket(id_, "bill_dispute", summary="多扣三十元，再不处理就打12300")
    wang = people("wang")
    wang.click(f'[data-id="{id_}"]')
    wang.see(".tickethead h2", number)
    wang.see(".alarm", "客户提到12300")
    wang.see(".clock .line", "申诉答复")
    wang.click(".steps .el-button", "办结")
    wang.see(".el-dialog textarea").send_keys("已核实并退费")
    assert not wang.see(".el-dialog__footer .el-button--primary").is_enabled()
    pick(wang, "计费差错")
    confirm(wang)
    wang.see(".tickethead .el-tag", "已处理")

    with console.desk.sessions() as session:
        ticket = session.query(Ticket).filter_by(number=number).one()
        case = session.get(ComplaintCase, ticket.id)
    assert ("resolved", "charge", True) == (ticket.state, case.cause, "record" in case.done)


def pick(page: Page, option: str) -> None:
    """Choose from the dialog's list; one that closed while the dialog settled is opened again."""
    for _ in range(2):
        page.click(".el-dialog .el-select")
        try:
            return page.click(".el-select-dropdown__item", option)
        except TimeoutException:
            continue
    pytest.fail(f"not to be chosen: {option}")


def more(page: Page, title: str) -> None:
    page.click(".steps .el-dropdown .el-button")
    page.click(".el-dropdown-menu__item", title)


def test_a_ready_reply_is_found_by_initials_filled_and_an_answer_names_its_source(
    console: LocalDesk,
    people: Callable[[str], Page],  # noqa: F811
) -> None:
    id_ = console.waiting("话费多扣了三十块钱，怎么回事", team="billing")
    number = console.ticket(id_, "bill_dispute", summary="多扣三十元")
    wang = people("wang")
    wang.click(f'[data-id="{id_}"]')
    wang.click(".acts .el-button--primary", "接入会话")
    wang.see("#reply").send_keys("/")
    wang.see("#wanted").send_keys("gdjd")
    wang.see(".menu .picked", "工单进度")
    wang.see("#wanted").send_keys(Keys.ENTER)
    wang.gone(".menu")
    wang.press(Keys.ALT, "k")

    assert wang.see(".menu li", "来源：知识库")
    assert number in wang.see("#reply").get_attribute("value")


def test_a_note_says_that_it_hides_a_number_and_a_colleague_reads_it_with_a_reason(
    console: LocalDesk,
    people: Callable[[str], Page],  # noqa: F811
) -> None:
    number = "138" + "0000" + "0099"
    id_ = console.waiting("查账单", team="billing")
    li, wang = people("li"), people("wang")
    li.click(f'[data-id="{id_}"]')
    li.click(".acts .el-button--primary", "接入会话")
    li.see("#reply")
    li.press(Keys.ALT, "b")
    li.write("明天回电")
    li.gone(".findings")
    li.write(f"请回电 {number}")
    li.see(".findings", "脱敏显示")
    li.click(".findings .fix", "登记工单并填写联系电话")
    assert number == li.see("[id='field-联系电话']").get_attribute("value")
    li.press(Keys.ESCAPE)
    li.gone(".el-dialog")
    li.click(".tools .el-button", "保存备注")

    wang.click(f'[data-id="{id_}"]')
    assert number not in wang.see(".message.note .bubble", "请回电").text
    wang.click(".message.note .tinybutton", "查看完整号码")
    wang.see(".el-dialog textarea").send_keys("回电客户")
    confirm(wang)
    wang.see(".message.note .bubble", number)
    [line, *_] = console.sign_in("wang").get("/audit", params={"action": "revealed"}).json()["data"]["entries"]
    assert ("wang", "回电客户") == (line["staff"], line["data"]["reason"])


def test_the_button_for_the_next_customer_can_be_reached(
    console: LocalDesk,
    people: Callable[[str], Page],  # noqa: F811
) -> None:
    for n in range(8):
        console.waiting(f"第{n}位", team="billing")
    wang = people("wang")
    button = wang.see(".next button")
    box = button.rect
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    found = wang.browser.execute_script(
        "return document.elementFromPoint(arguments[0], arguments[1]).closest('.next') !== null",
        *middle,
    )

    assert found and box["y"] + box["height"] <= 800
    assert wang.browser.find_elements(By.CSS_SELECTOR, ".group li")


def test_the_customer_sees_the_picture_that_a_person_sent(
    console: LocalDesk,
    people: Callable[[str], Page],  # noqa: F811
) -> None:
    id_ = console.waiting("光猫灯是红的", team="billing")
    staff = console.sign_in("wang")
    staff.post(f"/conversations/{id_}/claim")
    staff.post(f"/conversations/{id_}/attachments", files={"file": ("光猫.png", png())})
    page = people("boss")
    session = {"token": new_token(console.desk.settings.secret, id_), "conversation_id": id_}
    page.browser.execute_script(
        "localStorage.setItem('intake.session', JSON.stringify(arguments[0]))", session
    )
    page.browser.get(console.url)
    shown = page.see(".message.staff .enclosed img")

    assert "图片：光猫.png" == shown.get_attribute("alt")
    assert page.browser.execute_script("return arguments[0].naturalWidth", shown) == 1
    assert page.see(".message.staff .author", "王强")
