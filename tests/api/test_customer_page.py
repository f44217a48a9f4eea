"""The page of an order for its customer: what it opens, what it shows, and what it never does."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from api.access.principal import Role
from api.access.tables import FailureRow, LinkRow
from api.access.throttle import FREE_FAILURES_OF_MANY
from ingest.database import reading
from tests.api.conftest import client_of, replace_deps
from tests.api.harness import Site
from tests.api.test_pages import parse
from workorders.closure import ClosureCode
from workorders.customer import LONGEST_SAID, MOST_COMPLAINTS
from workorders.pause import PauseReason
from workorders.store import OrderFilter

FAR = "http://forewarn.example"
OWN = {"Origin": FAR, "Accept": "text/html"}
HOST = "forewarn.example"


@dataclass
class Visit:
    """A site with users, an order, and a customer far away who has its link."""

    made: Site
    customer: TestClient
    number: str
    page: str

    def order(self) -> dict[str, object]:
        found = self.made.deps().orders.get(self.number)
        return {"rating": found.rating, "complaints": found.complaints}

    def solve(self) -> None:
        for _ in range(6):
            self.made.deps().orders.advance(self.number, "li.wei", self.made.now, "internal: pump was dry")

    def post(self, what: str, headers: dict[str, str] | None = None, **form: str) -> int:
        answer = self.customer.post(f"{self.page}/{what}", data=form, headers=headers or OWN, follow_redirects=False)
        return answer.status_code


@pytest.fixture
def visit(made: Site) -> Iterator[Visit]:
    deps = replace_deps(made, public_url=f"{FAR}/", loopback=False)
    deps.access.add_user("ada", Role.ADMIN, "correct horse", made.now)
    (order,) = deps.orders.list(OrderFilter()).items
    deps.orders.assign(order.number, "li.wei", "dispatcher", made.now, "internal: bring a seal")
    token = deps.access.add_token("office", Role.OPERATOR, made.now)
    with client_of(deps, FAR, "10.0.0.7") as client:
        answer = client.post(
            f"/api/v1/work-orders/{order.number}/customer-link", headers={"Authorization": f"Bearer {token}"}
        )
        assert answer.status_code == 201
        yield Visit(made, client, order.number, answer.json()["url"].removeprefix(FAR))


# -- the link ------------------------------------------------------------------------------------------------------


def test_the_link_cannot_be_guessed_and_is_not_kept(visit: Visit) -> None:
    secret = visit.page.removeprefix("/customer/")
    assert len(secret) == 32, "192 bits"
    with reading(visit.made.database) as session:
        row = session.scalars(sa.select(LinkRow)).one()
    assert secret not in row.secret_hash
    assert (row.number, row.created_by) == (visit.number, "office")


def test_no_session_is_needed_and_none_is_of_use(visit: Visit) -> None:
    assert visit.customer.get(visit.page).status_code == 200
    wrong = visit.customer.get("/customer/x")
    assert (wrong.status_code, "leads nowhere" in wrong.text) == (404, True)
    assert visit.customer.get("/work-orders", headers={"Accept": "text/html"}).status_code == 401
    assert visit.customer.get(f"{visit.page}/../../work-orders").status_code == 401
    assert visit.customer.delete(visit.page).status_code == 401


def test_a_new_link_takes_the_place_of_the_old_one(visit: Visit) -> None:
    links = visit.made.deps().links
    again = links.make(visit.number, "ada", visit.made.now)
    assert visit.customer.get(visit.page).status_code == 404
    assert visit.customer.get(f"/customer/{again}").status_code == 200
    links.revoke(visit.number)
    assert visit.customer.get(f"/customer/{again}").status_code == 404
    assert links.of(visit.number) is None


def test_guessing_is_slowed_down_and_locks_nobody_out(visit: Visit) -> None:
    for n in range(FREE_FAILURES_OF_MANY):
        assert visit.customer.get(f"/customer/guess-{n}").status_code == 404
    for _ in range(3):
        answer = visit.customer.post("/customer/guess/rate", data={"score": "5"}, headers=OWN)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    with reading(visit.made.database) as session:
        assert session.scalars(sa.select(FailureRow.failures)).one() == FREE_FAILURES_OF_MANY, "not counted any more"
    assert visit.customer.get(visit.page).status_code == 200


def test_who_may_make_a_link(visit: Visit, made: Site) -> None:
    token = made.deps().access.add_token("screen", Role.VIEWER, made.now)
    url, looks = f"/api/v1/work-orders/{visit.number}", {"Authorization": f"Bearer {token}"}
    assert visit.customer.post(f"{url}/customer-link", headers=looks).status_code == 403
    assert visit.customer.get(url, headers=looks).json()["customer_link"]["created_by"] == "office"


def test_the_link_over_the_api(client: TestClient) -> None:
    (order,) = client.get("/api/v1/work-orders").json()["items"]
    url = f"/api/v1/work-orders/{order['number']}/customer-link"
    made_url = client.post(url).json()["url"]
    assert made_url.startswith("http://127.0.0.1:8000/customer/")
    assert client.get(made_url).status_code == 200, "without users this machine itself is served"
    assert client.post(f"{url}/revoke").json()["customer_link"] is None
    assert client.post(f"{url}/revoke").status_code == 409
    assert client.post("/api/v1/work-orders/WO-NONE/customer-link").status_code == 404


def test_without_users_the_rule_for_this_machine_holds(made: Site) -> None:
    secret = made.deps().links.make(made.deps().orders.list(OrderFilter()).items[0].number, "local", made.now)
    with client_of(made.deps(), peer="10.0.0.7") as far:
        assert far.get(f"/customer/{secret}").status_code == 401
    with client_of(replace_deps(made, loopback=False), FAR, "10.0.0.7") as far:
        assert far.get(f"/customer/{secret}").status_code == 401


# -- the page ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("language", "title"), [("en", "temperature above its limit"), ("zh", "温度")])
def test_it_shows_what_concerns_the_customer_and_nothing_else(visit: Visit, language: str, title: str) -> None:
    visit.solve()
    visit.made.deps().orders.close(visit.number, ClosureCode.LEAK, "chen", visit.made.now, "internal: our mistake")
    text = visit.customer.get(visit.page, params={"lang": language}).text
    parse(text)
    assert title in text
    assert visit.number in text
    assert "li.wei" in text, "who is in charge"
    for internal in ("internal", "dispatcher", "chen", "office", "pump-1", "Leak", "泄漏", 'href="/"', "/work-orders"):
        assert internal not in text
    links = [part.split('"')[0] for part in text.split('href="')[1:]]
    assert [link for link in links if not link.startswith(("/static/", f"{visit.page}?lang="))] == []


@pytest.mark.parametrize(("language", "words"), [("en", "Paused: Waiting for parts"), ("zh", "暂停：等待备件")])
def test_it_tells_what_is_waited_for(visit: Visit, language: str, words: str) -> None:
    visit.made.deps().orders.pause(visit.number, PauseReason.PARTS, "li.wei", visit.made.now, "internal: cheap seal")
    page = visit.customer.get(f"{visit.page}?lang={language}").text
    assert words in page
    assert "internal" not in page


def test_the_headers_keep_it_out_of_caches_search_and_other_sites(visit: Visit) -> None:
    for answer in (visit.customer.get(visit.page), visit.customer.get("/customer/x")):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-robots-tag"] == "noindex, nofollow"
        assert answer.headers["referrer-policy"] == "same-origin", "other sites are told nothing"


def test_a_rating_once_it_is_solved(visit: Visit) -> None:
    assert 'name="score"' not in visit.customer.get(visit.page).text
    assert visit.post("rate", score="5") == 409
    visit.solve()
    assert 'name="score"' in visit.customer.get(visit.page).text
    assert visit.post("rate") == 422
    assert visit.post("rate", score="6") == 422
    assert visit.post("rate", score="4", comment="Quick.\r\nThank you <b>all</b>") == 303
    text = visit.customer.get(visit.page).text
    assert "Rated 4 of 5" in text
    assert "Thank you &lt;b&gt;all&lt;/b&gt;" in text
    assert visit.post("rate", score="2") == 303
    rating = visit.made.deps().orders.get(visit.number).rating
    assert rating is not None
    assert (rating.score, rating.by, rating.given) == (2, None, 2)


def test_complaints_at_any_time(visit: Visit) -> None:
    assert visit.post("complain", text=" \r\n ") == 422
    assert visit.post("complain", text="a\r\n" * (LONGEST_SAID // 2)) == 303
    assert visit.post("complain", text="a" * (LONGEST_SAID + 1)) == 422
    for _ in range(MOST_COMPLAINTS - 1):
        assert visit.post("complain", text="again") == 303
    assert visit.post("complain", text="again") == 409
    assert 'name="text"' not in visit.customer.get(visit.page).text


def test_what_others_wrote_down_is_told_without_their_words(visit: Visit) -> None:
    deps = visit.made.deps()
    deps.complaints.take(visit.number, "internal: she was angry", "dispatcher", visit.made.now, "Ms Li")
    deps.orders.close_complaint(visit.number, 1, "chen", visit.made.now, "internal: sent flowers")
    visit.solve()
    deps.orders.rate(visit.number, 3, "dispatcher", visit.made.now, "internal: so so", "Ms Li")
    text = visit.customer.get(visit.page).text
    assert "Rated 3 of 5" in text
    assert "Taken down for you" in text
    for internal in ("internal", "dispatcher", "chen", "Ms Li"):
        assert internal not in text


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Origin": "https://evil.example"}, id="another origin"),
        pytest.param({"Sec-Fetch-Site": "cross-site"}, id="another site"),
        pytest.param({"Origin": "null"}, id="an origin that hides"),
    ],
)
def test_other_sites_pages_send_nothing(visit: Visit, headers: dict[str, str]) -> None:
    assert visit.post("complain", headers, text="forged") == 403
    assert visit.order()["complaints"] == ()


def test_what_is_sent_is_small(visit: Visit) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded", **OWN}
    answer = visit.customer.post(f"{visit.page}/complain", content=b"text=" + b"a" * 70_000, headers=form)
    assert answer.status_code == 413
    assert 'href="/"' not in answer.text, "it leads nowhere else"


# -- the page of the order in the console --------------------------------------------------------------------------


def test_the_buttons_of_the_console(client: TestClient) -> None:
    (order,) = client.get("/api/v1/work-orders").json()["items"]
    page = f"/work-orders/{order['number']}"
    text = client.post(f"{page}/make-link").text
    secret = text.split("/customer/")[1].split('"')[0]
    parse(text)
    assert client.get(f"/customer/{secret}").status_code == 200
    assert secret not in client.get(page).text, "it is shown once"
    assert client.post(f"{page}/revoke-link").status_code == 200
    assert client.get(f"/customer/{secret}").status_code == 404
    assert client.post(f"{page}/revoke-link").status_code == 409

    assert client.post(f"{page}/complain", data={"text": "It <i>leaks</i>", "customer": "Ms Li"}).status_code == 200
    for where in (page, "/", "/work-orders?show=complaint"):
        shown = client.get(where).text
        parse(shown)
        assert "Complaint" in shown
    assert "It &lt;i&gt;leaks" in client.get(page).text
    assert client.post(f"{page}/rate", data={"score": "5"}).status_code == 409
    client.post(f"{page}/close", data={"code": "leak"})
    assert "Complaint" in client.get("/work-orders?show=complaint").text, "a closed order keeps it"
    assert client.post(f"{page}/rate", data={"score": "5", "comment": "good"}).status_code == 200
    assert client.post(f"{page}/close-complaint", data={"complaint": "1", "note": "New seal"}).status_code == 200
    text = client.get(page, params={"lang": "zh"}).text
    assert "处理措施：New seal" in text
    assert "评分 5 分" in text
    assert order["number"] not in client.get("/work-orders?show=complaint").text
