"""Dead letters and the quarantine: why they are there, back with them, or away."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from nami_console import guard, words
from nami_console.jobs import Job
from nami_console.pages import live, page, piece, site
from nami_control import redrive, times
from nami_control.dead_letters import DeadLetters
from nami_control.letters import Filter, Letter
from nami_control.progress import Progress

_MOST = 200  # letters that are looked at for a page
_MOST_BODY = 2_000  # bytes of each one's body on it
_MOST_A_SECOND = 500
_KEPT = ("to", "quarantine", "text", "since", "until")
_NO_REASON = "no line of the log says why: the function ended early (time, memory), or the log is no longer kept"


@dataclass(frozen=True)
class Row:
    """One letter; `tries` is how often it was tried, `body` begins what it holds."""

    letter: Letter
    tries: int
    body: str


@dataclass(frozen=True)
class Group:
    """Letters that failed last for one reason, the newest first."""

    key: str
    reason: str
    rows: list[Row]


def show(request: Request) -> Response:
    """How many there are; the letters themselves come after it, since SQS needs seconds to give them all."""
    letters = _letters(request, request.query_params)
    asked = request.query_params
    context = _context(request, letters) | (_looked_at(request, letters) if "look" in asked else {"groups": None})
    return page(request, "dead.html", **context)


def show_list(request: Request) -> Response:
    """The letters by their reasons."""
    letters = _letters(request, request.query_params)
    return page(request, "dead_list.html", **_context(request, letters), **_looked_at(request, letters))


async def ask(request: Request) -> Response:
    """What is about to be done, with its number, before it is done."""
    form = guard.lists(await request.body())
    return await run_in_threadpool(_ask, request, form)


async def do(request: Request) -> Response:
    """Begin to send letters back, or to delete them; leads to how it goes on."""
    form = guard.lists(await request.body())
    job = await run_in_threadpool(_begin, request, form)
    return RedirectResponse(f"/s/{job.label}/dead/job/{job.number}", 303)


def show_job(request: Request) -> Response:
    """How far it is."""
    job = _job(request)
    return page(request, "job.html", **_told(job))


async def follow_job(request: Request) -> Response:
    """How far it is, as it goes on."""
    job = _job(request)
    return live(request, lambda: piece(request, "job_live.html", **_told(job)), 1.0, lambda: job.is_told)


def _ask(request: Request, form: Mapping[str, list[str]]) -> Response:
    letters = _letters(request, _last(form))
    ids, verb = _ids(form), _verb(form)
    count = letters.count() if ids is None else len(ids)
    back = _back(request, form)
    if not count:
        return RedirectResponse(back, 303)
    shown = {
        "verb": verb,
        "ids": ids,
        "count": count,
        "fitting": ids is None and not _wanted(form).takes_all,
        "form": {name: value for name, value in _last(form).items() if value and name in _KEPT},
        "back": back,
    }
    return page(request, "dead_ask.html", **(_context(request, letters) | shown))


def _begin(request: Request, form: Mapping[str, list[str]]) -> Job:
    label, verb = request.path_params["label"], _verb(form)
    letters, ids, wanted = _letters(request, _last(form)), _ids(form), _wanted(form)
    rate = _last(form).get("rate", "").strip()
    if rate and not (rate.isdecimal() and 1 <= int(rate) <= _MOST_A_SECOND):
        raise HTTPException(400, f"the rate is a number from 1 to {_MOST_A_SECOND}")
    total = letters.count() if ids is None else len(ids)

    def send_back(progress: Progress) -> None:
        redrive.redrive(letters, wanted, rate=int(rate) if rate else None, progress=progress)

    def delete(progress: Progress) -> None:
        if wanted.takes_all:
            letters.purge()
            return
        with letters.opened() as found:
            redrive.purge(letters, [letter for letter in found if wanted.takes(letter)], progress)

    jobs, back = site(request).jobs, _back(request, form)
    if verb == "purge":
        return jobs.start(label, "deleted", total, back, delete)
    return jobs.start(label, "sent back to the queue", total, back, send_back, letters.failing)


def _letters(request: Request, asked: Mapping[str, str]) -> DeadLetters:
    found = site(request).deployment(request.path_params["label"])
    return DeadLetters(found, asked.get("to") or None, quarantine="quarantine" in asked)


def _context(request: Request, letters: DeadLetters) -> dict[str, Any]:
    found = letters.deployment
    asked = dict(request.query_params)
    return {
        "label": request.path_params["label"],
        "letters": letters,
        "count": letters.count(),
        "drains": found.drains,
        "has_quarantine": "QuarantineUrl" in found.outputs,
        "asked": asked,
        "look": urlencode({**asked, "look": "1"}),
    }


def _looked_at(request: Request, letters: DeadLetters) -> dict[str, Any]:
    chosen, more = redrive.look(letters, _filter(request.query_params), _MOST)
    tries = letters.reasons(chosen)
    groups: dict[str, Group] = {}
    for letter in sorted(chosen, key=lambda each: each.received_at, reverse=True):
        failed = tries.get(letter.id, [])
        reason = failed[-1].reason if failed else _NO_REASON if letter.delivery else f"no webhook: {letter.unreadable}"
        group = groups.setdefault(reason, Group(f"g{len(groups)}", reason, []))
        group.rows.append(Row(letter, len(failed) or letters.tries_before_giving_up, _body(letter)))
    return {"groups": sorted(groups.values(), key=lambda each: -len(each.rows)), "more": more, "shown": len(chosen)}


def _body(letter: Letter) -> str:
    content = letter.delivery.body if letter.delivery else letter.content.encode()
    text, whole = words.raw(content, _MOST_BODY)
    return text if whole else f"{text}…"


def _last(form: Mapping[str, list[str]]) -> dict[str, str]:
    return {name: values[-1] for name, values in form.items()}


def _verb(form: Mapping[str, list[str]]) -> str:
    verb = form.get("verb", [""])[-1].partition(" ")[0]
    if verb not in ("redrive", "purge"):
        raise HTTPException(400, "letters are sent back or deleted")
    return verb


def _ids(form: Mapping[str, list[str]]) -> list[str] | None:
    """Of the messages that were chosen; None where all are meant."""
    return None if form.get("verb", [""])[-1].endswith(" all") else form.get("id", [])


def _wanted(form: Mapping[str, list[str]]) -> Filter:
    ids = _ids(form)
    if ids is None:
        return _filter(_last(form))
    if not ids:
        raise HTTPException(400, "nothing was chosen")
    return Filter(frozenset(ids))


def _filter(asked: Mapping[str, str]) -> Filter:
    since, until = (asked.get(name, "").strip() for name in ("since", "until"))
    return Filter(
        since=times.moment(since) if since else None,
        until=times.moment(until) if until else None,
        text=asked.get("text") or None,
    )


def _back(request: Request, form: Mapping[str, list[str]]) -> str:
    kept = {name: value for name, value in _last(form).items() if value and name in ("to", "quarantine")}
    return f"/s/{request.path_params['label']}/dead?{urlencode(kept)}"


def _told(job: Job) -> dict[str, Any]:
    return {"label": job.label, "job": job, "failing": job.failing(job.began) if job.failing else {}}


def _job(request: Request) -> Job:
    job = site(request).jobs.get(request.path_params["label"], request.path_params["number"])
    if job is None:
        raise HTTPException(404)
    return job
