import sqlite3
from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import Visit
from consent.conftest import ADMIN, Site
from entraid.v1 import connection_service_pb2 as pb
from entraid_emulator import Fault, Refusal

Keep = Callable[[Page, str], None]
SCHEMES = ("light", "dark")


def press_connect(page: Page, *, groups: str = "") -> None:
    """Fills the form in and sends it: Entra's sign-in page follows."""
    page.get_by_label("Groups to Sync").fill(groups)
    with page.expect_navigation():
        page.get_by_role("button", name="Connect").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Sign in")


def decide(page: Page, *, who: str = ADMIN, button: str = "Accept") -> None:
    """On a page of Entra, and waits for the one that follows."""
    page.locator("#other").fill(who)
    with page.expect_navigation():
        page.get_by_role("button", name=button).click()


def check_trouble(page: Page, title: str, *words: str) -> None:
    """The page of what went wrong."""
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    for word in words:
        expect(page.get_by_role("main")).to_contain_text(word)


def check_accessible(page: Page, axe: str) -> None:
    """No rule of WCAG 2.2 AA is broken, nor of axe's best practices."""
    # Through the debugger, which the page's policy does not bind.
    found = page.evaluate(f"() => {{ {axe}; return axe.run(document, {{resultTypes: ['violations']}}) }}")
    broken = [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found["violations"]]
    assert not broken


def await_done(page: Page) -> None:
    """Until the first sync is over and the page has loaded itself for the last time."""
    expect(page.get_by_role("heading", level=1)).to_have_text("Connected")
    expect(page.locator("#counts")).to_have_attribute("data-final", "yes")


def held(path: str) -> Fault:
    """Requests that wait until the test lets them go."""
    return Fault(path=path, times=None, delay=timedelta(minutes=1))


def test_accepting_connects_and_shows_the_first_sync_live(site: Site, visit: Visit) -> None:
    """Groups typed, two pages of Entra, counts that move without a reload, done."""
    users, groups = held("/users/delta"), held("/groups")
    page = visit(site.link("accepted"))
    press_connect(page, groups="Engineering, Finance")
    decide(page)
    site.emulator.faults.add(users)
    decide(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Connected, reading your directory")
    expect(page.locator("#users")).to_have_text("0")
    page.evaluate("window.isTheSamePage = true")
    site.emulator.faults.add(groups)
    site.emulator.faults.remove(users)
    expect(page.locator("#users")).not_to_have_text("0")
    expect(page.locator("#phase")).to_contain_text("Reading")
    assert page.evaluate("window.isTheSamePage")
    site.emulator.faults.remove(groups)
    await_done(page)
    expect(page.locator("#phase")).to_have_text("Done")
    expect(page.locator("main")).to_contain_text("User.Read.All")
    assert int(page.locator("#users").inner_text()) > 0
    assert list(site.get("accepted").groups_to_sync) == ["Engineering", "Finance"]


def test_cancelling_says_so_and_trying_again_works(site: Site, visit: Visit) -> None:
    """Code, remedy, trace ID; the button leads back to the form."""
    page = visit(site.link("cancelled"))
    press_connect(page)
    decide(page, button="Cancel")
    check_trouble(page, "Consent was not given", "AADSTS65004", "Trace ID")
    site.check_nothing_bound("cancelled")
    page.get_by_role("link", name="Try again").click()
    press_connect(page)
    decide(page)
    decide(page)
    await_done(page)


def test_an_administrator_of_another_tenant_is_let_in_nowhere(site: Site, visit: Visit) -> None:
    """Entra refuses him where the tenant is named; where he gets around that, we do."""
    stranger = site.admin_of(site.other)
    page = visit(site.link("foreign", tenant=site.home.tenant_id))
    press_connect(page)
    entra = page.url
    decide(page, who=stranger)
    expect(page.get_by_role("main")).to_contain_text("AADSTS50020")
    page.goto(entra.replace(site.home.tenant_id, "organizations", 1))
    decide(page, who=stranger)
    expect(page.get_by_role("main")).to_contain_text("othing was connected")
    site.check_nothing_bound("foreign")


def test_an_expired_link_says_what_to_do(site: Site, visit: Visit) -> None:
    """Ten minutes later there is no form any more."""
    link = site.link("expired")
    let_links_expire(site)
    check_trouble(visit(link), "This page cannot go on", "expired", "ask whoever sent it for a new one")


def let_links_expire(site: Site) -> None:
    """Ten minutes pass, in the database."""
    with sqlite3.connect(site.service.folder / "entraid.db") as database:
        database.execute("UPDATE consent SET record = json_set(record, '$.expire_time', '2020-01-01T00:00:00Z')")
    database.close()


def test_a_replayed_callback_changes_nothing(site: Site, visit: Visit) -> None:
    """Back and forth in the history shows no second consent."""
    page = visit(site.link("replayed"))
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url) if "/connect/callback" in request.url else None)
    press_connect(page)
    decide(page)
    decide(page)
    await_done(page)  # before that the page loads itself again, perhaps in the middle of what follows
    etag = site.get("replayed").etag
    assert len(seen) == 2
    for url in tuple(seen):
        page.goto(url)
        check_trouble(page, "This page cannot go on", "used already")
    assert site.get("replayed").etag == etag


def test_script_in_what_entra_says_does_not_run(site: Site, visit: Visit) -> None:
    """It is text on the page; the policy would stop it besides."""
    text = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    refusal = Refusal(code=50199, at="sign_in", error="interaction_required", text=text, on_page=False)
    site.emulator.login.refuse(refusal)
    page = visit(site.link("script"))
    page.get_by_role("button", name="Connect").click()
    expect(page.get_by_role("main")).to_contain_text("<script>")
    assert page.title() != "owned"
    assert page.locator("main script, main img").count() == 0


def test_the_keyboard_is_enough(site: Site, visit: Visit) -> None:
    """Tab, type, Enter, on every page; where the focus is can be seen."""
    page = visit(site.link("keyboard"))
    page.keyboard.press("Tab")
    expect(page.get_by_label("Groups to Sync")).to_be_focused()
    page.keyboard.type("Engineering")
    page.keyboard.press("Tab")
    button = page.get_by_role("button", name="Connect")
    expect(button).to_be_focused()
    assert button.evaluate("one => getComputedStyle(one).outlineStyle") == "solid"
    with page.expect_navigation():
        page.keyboard.press("Enter")
    for _ in range(2):
        page.locator("#other").focus()
        page.keyboard.type(ADMIN)
        page.keyboard.press("Tab")
        with page.expect_navigation():
            page.keyboard.press("Enter")
    await_done(page)
    assert site.get("keyboard").state == pb.Connection.STATE_ACTIVE


def test_no_script_is_needed(site: Site, visit: Visit) -> None:
    """Consent works without; the outcome loads itself again until it is done."""
    page = visit(site.link("scriptless"), script=False)
    users = held("/users/delta")
    press_connect(page)
    decide(page)
    site.emulator.faults.add(users)
    decide(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Connected, reading your directory")
    site.emulator.faults.remove(users)
    await_done(page)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_form_is_accessible_also_with_a_mistake_in_it(
    site: Site, visit: Visit, axe: str, keep: Keep, scheme: str
) -> None:
    """Light and dark, wide and narrow."""
    link = site.link(f"form-{scheme}")
    page = visit(link, scheme=scheme)
    check_accessible(page, axe)
    keep(page, f"1-form-{scheme}")
    narrow = visit(link, scheme=scheme, width=360)
    check_accessible(narrow, axe)
    assert narrow.evaluate("document.documentElement.scrollWidth") <= 360
    keep(narrow, f"1-form-narrow-{scheme}")
    page.get_by_label("Groups to Sync").fill("x" * 600)
    page.get_by_role("button", name="Connect").click()
    expect(page.get_by_role("alert")).to_contain_text("600 characters")
    check_accessible(page, axe)
    keep(page, f"2-mistake-{scheme}")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_trouble_is_accessible(site: Site, visit: Visit, axe: str, keep: Keep, scheme: str) -> None:
    """Light and dark."""
    page = visit(site.link(f"trouble-{scheme}"), scheme=scheme)
    press_connect(page)
    decide(page, button="Cancel")
    expect(page.get_by_role("link", name="Try again")).to_be_visible()
    check_accessible(page, axe)
    keep(page, f"3-declined-{scheme}")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_outcome_is_accessible(site: Site, visit: Visit, axe: str, keep: Keep, scheme: str) -> None:
    """While it moves and when it is done, light and dark."""
    page = visit(site.link(f"outcome-{scheme}"), scheme=scheme)
    groups = held("/groups/delta")
    press_connect(page, groups="Engineering")
    decide(page)
    site.emulator.faults.add(groups)
    decide(page)
    expect(page.locator("#users")).not_to_have_text("0")
    check_accessible(page, axe)
    keep(page, f"4-syncing-{scheme}")
    site.emulator.faults.remove(groups)
    await_done(page)
    check_accessible(page, axe)
    keep(page, f"5-done-{scheme}")
    page.set_viewport_size({"width": 360, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    keep(page, f"5-done-narrow-{scheme}")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_an_expired_link_is_accessible(site: Site, visit: Visit, axe: str, keep: Keep, scheme: str) -> None:
    """Light and dark."""
    link = site.link(f"lapsed-{scheme}")
    let_links_expire(site)
    page = visit(link, scheme=scheme)
    check_trouble(page, "This page cannot go on", "expired")
    check_accessible(page, axe)
    keep(page, f"6-expired-{scheme}")


LONG_NAME = "Überlandwerk Groß-Gerau " * 8
ODD_NAMES = ("שלום חברה", "شركة النور", "a\u202eevil", "<b>bold</b> & “quotes”", "W" * 200, LONG_NAME)


@pytest.mark.parametrize("name", ODD_NAMES, ids=range(len(ODD_NAMES)))
def test_odd_names_do_not_break_the_page(site: Site, visit: Visit, axe: str, keep: Keep, name: str) -> None:
    """Long without a blank, right to left, markup: shown as they are, within 360 pixels."""
    number = ODD_NAMES.index(name)
    page = visit(site.ask(f"odd-{number}", display_name=name).pending_consent.consent_uri, width=360)
    shown = " ".join(name.split()).replace("\u202e", "\ufffd")  # an override would let it read as another name
    expect(page.locator("main bdi")).to_have_text(shown)
    expect(page.get_by_role("main")).to_contain_text("asks to read the directory")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.locator("main b").count() == 0
    check_accessible(page, axe)
    keep(page, f"7-odd-{number}")
