"""Draw the pictures of README.md and of the guides from the running pages: `make screenshots`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.pages.chromium import NoChromium, open_chromium, resize, wait_for
from tests.pages.customer import take_out_a_ticket
from tests.pages.trainer_pictures import draw_trainers_page
from tests.stack import start_stack

PICTURES = Path(__file__).parents[2] / "docs/pictures"
PHONE = (390, 844)
DESKTOP = (1280, 800)


def draw_customer_page(url: str, folder: Path) -> list[Path]:
    """Talk until there is a ticket; save the page as a phone and a desktop show it."""
    browser = open_chromium(folder / "profile")
    drawn = []
    try:
        resize(browser, *PHONE, scale=2)
        browser.get(url)
        wait_for(browser, ".choices button")
        take_out_a_ticket(browser)
        for name, size in (("customer-phone.png", PHONE), ("customer-desktop.png", DESKTOP)):
            resize(browser, *size, scale=2)
            wait_for(browser, ".ticket")
            browser.save_screenshot(str(PICTURES / name))
            drawn.append(PICTURES / name)
    finally:
        browser.quit()
    return drawn


def main() -> int:
    """Start a stack of its own, draw, stop it."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        stack = start_stack(Path(folder) / "home")
        try:
            drawn = draw_customer_page(stack.url, Path(folder))
            drawn += draw_trainers_page(Path(folder), PICTURES)
        except NoChromium as missing:
            print(f"no pictures: {missing}", file=sys.stderr)
            return 1
        finally:
            stack.stop()
    for path in drawn:
        print(path.relative_to(Path.cwd()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
