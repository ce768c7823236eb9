"""Chromium for end-to-end tests: an agent's desk, the board and the caller's phone, used as a person uses them.

    async with Chromium(house.web_url) as chromium:
        desk, call = await chromium.desk("1001", PASSWORD), await chromium.call()

Every screen has its own cookies. A screen notes what its page complained of; `Chromium` raises it at the end.
CALLCENTER_PICTURES names a folder for the pictures that are made on the way; without it none are made.
"""

import contextlib
import os
import re
import shutil
import signal
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self, TypeVar, cast

from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Playwright,
    ViewportSize,
    async_playwright,
    expect,
)

from tests.e2e.dialog import CallEnd
from tests.e2e.house import until
from tests.patience import PATIENCE_SECONDS

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--autoplay-policy=no-user-gesture-required",
)
VIEWPORT: ViewportSize = {"width": 1366, "height": 860}
PATIENCE_MS = PATIENCE_SECONDS * 1_000
HEARD_ENERGY = 1e-4
"""Of a beep of the fake microphone much more arrives; of comfort noise, much less."""
SILENCE_PACKETS = 40

# Runs before the page's own scripts: keeps the connections for their figures, and when what was first on the screen.
WITNESS = """
(() => {
  const connections = []
  const Native = window.RTCPeerConnection
  window.RTCPeerConnection = class extends Native {
    constructor(...given) { super(...given); connections.push(this) }
  }
  window.witnessHeard = async () => {
    const heard = { packets: 0, energy: 0 }
    const connection = connections.at(-1)
    if (connection === undefined) return heard
    for (const part of (await connection.getStats()).values()) {
      if (part.type !== 'inbound-rtp' || part.kind !== 'audio') continue
      heard.packets += part.packetsReceived ?? 0
      heard.energy += part.totalAudioEnergy ?? 0
    }
    return heard
  }
  const first = {}
  window.witnessFirst = first
  new MutationObserver(() => {
    for (const name of ['pop-customer-name', 'phone-answer']) {
      if (!(name in first) && document.querySelector(`[data-test=${name}]`) !== null) first[name] = performance.now()
    }
  }).observe(document, { subtree: true, childList: true })
})()
"""
# A lost server makes the browser itself write these lines; they are no fault of the page.
NETWORK_NOISE = re.compile(r"Failed to load resource|WebSocket connection to|net::ERR_")


class Screen:
    """One browser window with its own cookies."""

    def __init__(self, context: BrowserContext, page: Page, web_url: str) -> None:
        self.context = context
        self.page = page
        self.complaints: list[str] = []
        self._web_url = web_url
        page.on("console", self._note_console)
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not NETWORK_NOISE.search(message.text):
            self.complaints.append(f"{self.page.url}: {message.text}")

    def at(self, name: str) -> Locator:
        """What carries this name in the page (its `data-test`)."""
        return self.page.locator(f'[data-test="{name}"]')

    async def shows(self, name: str, text: str | re.Pattern[str]) -> None:
        """Wait until the text is there."""
        await expect(self.at(name)).to_contain_text(text)

    async def becomes(
        self, name: str, attribute: str, value: str | re.Pattern[str], *, seconds: float = PATIENCE_SECONDS
    ) -> None:
        """Wait until what carries the name has the attribute's value."""
        await expect(self.at(name)).to_have_attribute(attribute, value, timeout=seconds * 1_000)

    async def speaks(self, language: Literal["zh", "en"]) -> None:
        """Switch the page's language."""
        await self.at(f"language-{language}").click()
        await expect(self.at(f"language-{language}")).to_have_attribute("aria-pressed", "true")

    async def leave(self) -> None:
        """Close the window."""
        await self.context.close()

    async def picture(self, name: str) -> None:
        """Save what is seen, when pictures are wanted."""
        folder = os.environ.get("CALLCENTER_PICTURES")
        if folder is not None:
            await self.page.screenshot(path=Path(folder) / f"{name}.png", animations="disabled", caret="hide")

    async def overflow_px(self) -> int:
        """How far the document can be scrolled sideways; 0 in a sound layout."""
        script = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        return cast(int, await self.page.evaluate(script))

    async def lightness(self) -> tuple[float, float]:
        """Of the page's ground and of its text, 0 black to 1 white."""
        script = """() => [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"""
        colours: list[str] = await self.page.evaluate(script)
        ground, text = ([int(part) for part in re.findall(r"\d+", colour)[:3]] for colour in colours)
        return sum(ground) / 765, sum(text) / 765

    # ---- sound

    async def heard(self) -> tuple[int, float]:
        """RTP packets that came in the last call, and the energy of the sound in them."""
        figures = await self.page.evaluate("window.witnessHeard()")
        return int(figures["packets"]), float(figures["energy"])

    async def hears_sound(self, *, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until sound comes in, from now on."""
        _, before = await self.heard()

        async def is_louder() -> bool:
            return (await self.heard())[1] > before + HEARD_ENERGY

        await until(is_louder, f"{self.page.url} hears the other side", seconds=seconds, every_seconds=0.05)

    async def hears_silence(self, *, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until packets go on coming with no sound in them."""
        packets, energy = await self.heard()

        async def is_silent() -> bool:
            nonlocal packets, energy
            packets_now, energy_now = await self.heard()
            if energy_now > energy + HEARD_ENERGY:
                packets, energy = packets_now, energy_now
            return packets_now > packets + SILENCE_PACKETS

        await until(is_silent, f"{self.page.url} hears nothing", seconds=seconds, every_seconds=0.05)


class SignedInScreen(Screen):
    """A desk or a board."""

    async def begin(self, name: str, password: str) -> None:
        """Sign in beside the page, which is quicker, and open it where this user begins."""
        address = f"{self._web_url}/api/v1/session"
        answer = await self.context.request.post(address, data={"name": name, "password": password})
        assert answer.status == 201, await answer.text()
        await self.page.goto(f"{self._web_url}/")
        await expect(self.at("user-name")).to_be_visible()

    async def sign_in(self, name: str, password: str) -> None:
        """Through the sign-in page."""
        await self.page.goto(f"{self._web_url}/login")
        await self.at("login-name").fill(name)
        await self.at("login-password").fill(password)
        await self.at("login-submit").click()
        await expect(self.at("user-name")).to_be_visible()

    async def sign_out(self) -> None:
        """With the page's own button."""
        await self.at("sign-out").click()
        await expect(self.at("login-name")).to_be_visible()


class Board(SignedInScreen):
    """The queue board."""

    async def counts(self, queue_id: str, figure: str, value: int) -> None:
        """Wait until a queue's row shows this figure."""
        await expect(self.at(f"board-row-{queue_id}").locator(f'[data-test="{figure}"]')).to_have_text(str(value))

    async def figure(self, queue_id: str, figure: str) -> int:
        """A figure of a queue's row."""
        return int(await self.at(f"board-row-{queue_id}").locator(f'[data-test="{figure}"]').inner_text())


class Desk(SignedInScreen):
    """An agent's desk."""

    async def leave(self) -> None:
        """Log the agent out and close the window; nobody is offered to a desk that is gone."""
        answer = await self.context.request.delete(f"{self._web_url}/api/v1/session")
        assert answer.status in (204, 401), await answer.text()
        await super().leave()

    async def use_phone(self, kind: Literal["browser", "sip"]) -> None:
        """Choose the phone and wait until it can be rung."""
        await self.at("phone-kind").select_option(kind)
        if kind == "browser":
            await self.becomes("phone-line", "data-line", "registered")
        else:
            await self.becomes("phone-server-status", "data-status", "free")

    async def be_ready(self) -> None:
        """Ready, as the server says."""
        await self.at("state-ready").click()
        await self.state_becomes("ready")

    async def state_becomes(self, state: str, *, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until the desk shows the state."""
        await self.becomes("agent-state", "data-state", state, seconds=seconds)

    async def pops(self, stage: str, kind: str | None = None) -> None:
        """Wait until the caller's card is there in this stage."""
        await self.becomes("pop", "data-stage", stage)
        if kind is not None:
            await self.becomes("pop", "data-kind", kind)

    async def answer(self) -> None:
        """Take the call that rings in the browser."""
        await self.at("phone-answer").click()
        await self.becomes("phone-status", "data-status", "talking")
        await self.state_becomes("talking")

    async def end_wrap_up(self) -> None:
        """Ready for the next."""
        await self.state_becomes("wrap_up")
        await self.at("end-wrap-up").click()
        await self.state_becomes("ready")

    async def interaction_id(self) -> str:
        """Of the card on the screen."""
        found = await self.at("pop").get_attribute("data-interaction")
        assert found
        return found

    async def first_seen_ms(self, name: str) -> float:
        """When `pop-customer-name` or `phone-answer` came onto this page first."""
        return float(await self.page.evaluate("(name) => window.witnessFirst[name]", name))


@dataclass(slots=True)
class BrowserCall:
    """One call from /call, for the checker of the invariants."""

    ani: str | None
    answered_at: float | None = None
    end: CallEnd | None = None


class CallScreen(Screen):
    """The caller's phone at /call."""

    def __init__(self, context: BrowserContext, page: Page, web_url: str) -> None:
        super().__init__(context, page, web_url)
        self.calls: list[BrowserCall] = []

    async def open(self) -> None:
        """Open the page and wait until it can call."""
        await self.page.goto(f"{self._web_url}/call")
        await self.becomes("call-status", "data-status", "idle")

    async def dial(self, dnis: str, ani: str | None) -> None:
        """Call, as one of the demo's callers or as any number; wait for the answer."""
        call = BrowserCall(ani)
        self.calls.append(call)
        await self.at("call-number").select_option(dnis)
        value = "anonymous" if ani is None else ani
        if await self.at("call-ani").locator(f'option[value="{value}"]').count() > 0:
            await self.at("call-ani").select_option(value)
        else:
            await self.at("call-ani").select_option("own")
            await self.at("call-own-ani").fill(value)
        await self.at("call-dial").click()
        await self.becomes("call-status", "data-status", "talking")
        call.answered_at = time.monotonic()

    async def press(self, key: str) -> None:
        """One key of the page's keypad."""
        await self.at(f"call-key-{ {'*': 'star', '#': 'hash'}.get(key, key) }").click()

    async def hang_up(self) -> None:
        """The caller has had enough."""
        await self.at("call-hangup").click()
        await self._over("phone")

    async def is_hung_up_on(self) -> None:
        """Wait until the other side ends it."""
        await self._over("server")

    async def _over(self, by: Literal["phone", "server"]) -> None:
        await self.becomes("call-status", "data-status", "ended")
        self.calls[-1].end = CallEnd(by=by, status=200, reason="", at=time.monotonic())


S = TypeVar("S", bound=Screen)


class Chromium:
    """The browser; its screens are closed with it."""

    def __init__(self, web_url: str) -> None:
        self._web_url = web_url
        self._mark = f"--callcenter-browser={uuid.uuid4().hex}"
        self._playwright: Playwright | None = None
        self._browser: Browser | None = None
        self._screens: list[Screen] = []
        self.calls: list[BrowserCall] = []
        """Every call of every caller's window that was closed."""

    async def __aenter__(self) -> Self:
        path = shutil.which("chromium") or shutil.which("chromium-browser")
        assert path is not None, "there is no chromium on the PATH; scripts/test installs it"
        expect.set_options(timeout=PATIENCE_MS)
        self._playwright = await async_playwright().start()
        try:
            self._browser = await self._playwright.chromium.launch(executable_path=path, args=[*FLAGS, self._mark])
        except BaseException:
            await self._playwright.stop()
            raise
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        assert self._playwright is not None
        assert self._browser is not None
        await self._browser.close()
        await self._playwright.stop()

    def kill(self) -> None:
        """SIGKILL to the browser and all it has started, as when the power goes; its screens are forgotten."""
        assert self._playwright is not None
        self._signal_all(signal.SIGKILL)
        self._screens.clear()

    def sleep(self) -> None:
        """Stop the browser and all it has started, as when the lid is closed; its connections stay open."""
        self._signal_all(signal.SIGSTOP)

    def wake(self) -> None:
        """Go on."""
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        for process in _processes_below(_process_with(self._mark)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)

    async def close_screens(self) -> None:
        """Sign everybody out and close the windows; AssertionError with what their pages complained of."""
        screens, self._screens = self._screens, []
        for screen in screens:
            await screen.leave()
            if isinstance(screen, CallScreen):
                self.calls += screen.calls
        complaints = [complaint for screen in screens for complaint in screen.complaints]
        assert not complaints, "the pages complained: " + "; ".join(complaints)

    async def desk(self, name: str, password: str, *, dark: bool = False) -> Desk:
        """A window with that agent's desk, in English."""
        desk = await self._open(Desk, dark=dark)
        await desk.begin(name, password)
        await expect(desk.at("agent-state")).to_be_visible()
        return desk

    async def tab(self, desk: Desk) -> Desk:
        """Another tab of the same browser, with the same agent's desk."""
        tab = Desk(desk.context, await desk.context.new_page(), self._web_url)
        await tab.page.goto(f"{self._web_url}/desk")
        return tab

    async def board(self, name: str, password: str, *, dark: bool = False) -> Board:
        """A window with the board, in English."""
        board = await self._open(Board, dark=dark)
        await board.begin(name, password)
        await board.becomes("board", "data-live", "true")
        return board

    async def call(self) -> CallScreen:
        """A window with the caller's phone, in English."""
        call = await self._open(CallScreen)
        await call.open()
        return call

    async def window(self) -> SignedInScreen:
        """A window of somebody who is not signed in."""
        return await self._open(SignedInScreen)

    async def _open(self, kind: type[S], *, dark: bool = False) -> S:
        assert self._browser is not None
        context = await self._browser.new_context(
            viewport=VIEWPORT, color_scheme="dark" if dark else "light", locale="en-GB"
        )
        await context.add_init_script(WITNESS)
        screen = kind(context, await context.new_page(), self._web_url)
        self._screens.append(screen)
        return screen


def _process_with(argument: str) -> int:
    """The first process that was started with this argument."""
    for entry in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        with contextlib.suppress(OSError):
            if argument.encode() in (entry / "cmdline").read_bytes():
                return int(entry.name)
    raise AssertionError(f"no process was started with {argument}")


def _processes_below(process: int) -> list[int]:
    """The process and all that came from it."""
    found = [process]
    for each in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{each}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
    return found
