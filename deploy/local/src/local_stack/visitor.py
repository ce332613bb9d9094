"""A person with a browser, as far as seeding needs one: pages, forms, a session."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from types import TracebackType
from typing import Self
from urllib.parse import urljoin

import httpx

from local_stack.errors import LocalStackError, PageRefusedError


@dataclass
class Form:
    """A form of a page: where it goes, what stands in its fields, and the refusal that the page shows beside it."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)


@dataclass
class Page:
    """What a page holds for a program: its address, its forms, its links and the first refusal's code."""

    address: str
    forms: list[Form] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    error_code: str | None = None

    def form(self, action: str) -> Form:
        """Return the form that goes to this path; LocalStackError when there is none."""
        for form in self.forms:
            if form.action == action:
                return form
        raise LocalStackError(f"{self.address} has no form that goes to {action} (refusal: {self.error_code}).")


class Visitor:
    """One browser session on the running system."""

    def __init__(self, base_url: str, *, connect_to: str | None = None) -> None:
        self._base_url = base_url
        # The public address may be known to a proxy only; the pages check Origin against it all the same.
        self._client = httpx.Client(
            base_url=connect_to or base_url, headers={"Origin": base_url.rstrip("/")}, follow_redirects=True, timeout=30
        )

    def get(self, path: str) -> Page:
        """Return a page; PageRefusedError when it is refused."""
        return self._page(self._client.get(path))

    def send(self, form: Form, **fields: str) -> Page:
        """Send a form with some fields filled in; PageRefusedError when it is refused."""
        return self._page(self._client.post(form.action, data={**form.fields, **fields}))

    def json(self, path: str) -> object:
        """Return what a JSON page answers."""
        response = self._client.get(path)
        response.raise_for_status()
        found: object = response.json()
        return found

    def sign_in(self, login: str, password: str) -> None:
        """Sign in by the form; LocalStackError when that does not work."""
        page = self.get("/account/login/")
        page = self.send(page.form("/account/login/"), login=login, password=password, next="/account/")
        if page.error_code:
            raise LocalStackError(f"{login} could not sign in: {page.error_code}.")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def _page(self, response: httpx.Response) -> Page:
        reader = _Reader()
        reader.feed(response.text)
        page = Page(str(response.url), reader.forms, reader.links, reader.error_code)
        for form in page.forms:
            form.action = urljoin(response.url.path, form.action)
        if response.is_error:
            raise PageRefusedError(str(response.url), response.status_code, page.error_code)
        return page


class _Reader(HTMLParser):
    """Collects forms with what stands in their fields, links, and refusals."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.error_code: str | None = None
        self._open_form: Form | None = None
        self._text_of: str | None = None
        self._select: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        self.error_code = self.error_code or known.get("data-error-code")
        if tag == "form":
            self._open_form = Form(known.get("action", ""))
            self.forms.append(self._open_form)
        elif tag == "a" and "href" in known:
            self.links.append(known["href"])
        elif self._open_form and "disabled" not in known:
            self._field(self._open_form, tag, known)

    def _field(self, form: Form, tag: str, known: dict[str, str]) -> None:
        name = known.get("name", "")
        if tag == "input" and name:
            ticked = known.get("type") not in {"checkbox", "radio"} or "checked" in known
            if ticked:
                form.fields[name] = known.get("value", "")
        elif tag == "textarea" and name:
            self._text_of = name
            form.fields[name] = ""
        elif tag == "select" and name:
            self._select = name
        elif tag == "option" and self._select and ("selected" in known or self._select not in form.fields):
            form.fields[self._select] = known.get("value", "")

    def handle_data(self, data: str) -> None:
        if self._open_form and self._text_of:
            # The line break after the opening tag is not part of the value.
            written = self._open_form.fields[self._text_of]
            self._open_form.fields[self._text_of] = written + (data if written else data.removeprefix("\n"))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open_form = None
        elif tag == "textarea":
            self._text_of = None
        elif tag == "select":
            self._select = None
