"""Runs configurations over the same history and tells what each would have raised, opened and missed.

    history ─▶ engine with A ─▶ alerts, orders ─┐
    history ─▶ engine with B ─▶ alerts, orders ─┴─▶ pairs ─▶ comparison.json, differences.csv, report.html
                      └─▶ scores, in event order ──▶ charts ───────────────────────────┘

The first configuration's results are those of a plain backtest, the others' lie in `against/NAME/` without scores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any
from zoneinfo import ZoneInfo

from forewarn.atomicfile import UNPRINTABLE
from forewarn.config.configured import engine_config
from forewarn.engine import EngineConfig
from forewarn.history.backtest import Inputs, Run, replay, write_run
from forewarn.history.differences import write_comparison, write_differences
from forewarn.history.origin import Origin
from forewarn.history.pairing import Recorded, Result, in_order, pair
from forewarn.history.rejectlog import RejectLog
from forewarn.history.results import AGAINST, new_result, write_scores
from forewarn.history.scorelog import Rows, ScoreLog
from forewarn.history.variants import Variant, differing, rule_changes
from forewarn.report.chart import Around, Chart, chart_of
from forewarn.report.entries import Entry, Known, Section, sections
from forewarn.report.page import Compared, render
from forewarn.report.windows import Window, fill, windows_of
from ingest.errors import InputError
from ingest.registry import Registry
from ingest.truth import Label

Told = Callable[[int], AbstractContextManager[Callable[[int], None] | None]]
"""Given the number of a configuration: who is told of its progress, while it runs."""
Said = Callable[[int, int], Sequence[Recorded]]
"""Given two times in ns UTC: the alerts raised between them of which people said whether they were right."""


@dataclass(frozen=True, slots=True)
class _Ran:
    """A configuration's run, with what its charts need."""

    variant: Variant
    registry: Registry
    run: Run
    log: ScoreLog
    result: Result
    rejects: RejectLog
    seconds: float


def run_comparison(
    origin: Origin,
    out: Path,
    variants: Sequence[Variant],
    inputs: Inputs,
    said: Said = lambda _start, _end: (),
    progress: Told = lambda _number: nullcontext(),
) -> tuple[dict[str, Any], Compared]:
    """Run every variant and write all results to `out`; the summary of the first, and what a report tells.

    `said` gives what people said of live alerts. Raises InputError as `run_backtest` does.
    """
    prepared = [
        (variant, origin.registry(variant.settings), inputs.config(engine_config(variant.settings)))
        for variant in variants
    ]
    ran: list[_Ran] = []
    with new_result(out) as folder, ExitStack() as held:
        for number, (variant, registry, config) in enumerate(prepared):
            log, rejects = held.enter_context(ScoreLog(folder, bands=True)), held.enter_context(RejectLog(origin.paths))
            with progress(number) as tell:
                ran.append(_run(variant, registry, config, origin, log, rejects, tell, inputs))
        compared = _compared(ran, origin, inputs.labels, said)
        told = sections(compared.results, compared.pairings, Known(inputs.labels, compared.recorded, compared.end))
        charts = _charts(ran, told, compared, folder)
        summary = _write_runs(ran, folder, inputs)
        if len(ran) > 1:
            _write_differences(compared, folder)
        page = render(compared, told, charts)
        (folder / "report.html").write_text(page, encoding="utf-8", errors=UNPRINTABLE)
    return summary, compared


def _run(
    variant: Variant,
    registry: Registry,
    config: EngineConfig,
    origin: Origin,
    log: ScoreLog,
    rejects: RejectLog,
    progress: Callable[[int], None] | None,
    inputs: Inputs,
) -> _Ran:
    """Run one configuration."""
    began = perf_counter()
    batches = origin.batches(registry, rejects.add)
    entries = (*origin.entries(), *(inputs.entries or ()))
    run = replay(batches, registry, config, log, progress, origin.count_from, entries)
    orders = sorted(run.book.orders.values(), key=lambda order: (order.opened_at, order.number))
    days = run.tally.device_days(registry)
    result = Result(variant.name, tuple(in_order(run.told)), tuple(orders), days, config.budget)
    return _Ran(variant, registry, run, log, result, rejects, perf_counter() - began)


def _compared(ran: Sequence[_Ran], origin: Origin, labels: Sequence[Label] | None, said: Said) -> Compared:
    first = ran[0]
    tally = first.run.tally
    if tally.first is None or tally.last is None:
        raise InputError("there is no reading in the time that counts")
    end = tally.last
    return Compared(
        results=[one.result for one in ran],
        pairings=[pair(first.result.alerts, one.result.alerts, end) for one in ran[1:]],
        start=tally.first,
        end=end,
        devices=len(tally.devices(first.registry)),
        readings=tally.readings,
        source=origin.shown(),
        labels=labels,
        recorded=said(tally.first, end + 1),
        differing=differing([one.variant for one in ran]),
        rules=[rule_changes(first.variant, one.variant) for one in ran[1:]],
        zone=ZoneInfo(first.variant.settings.site.timezone),
    )


def _charts(ran: Sequence[_Ran], told: Sequence[Section], compared: Compared, out: Path) -> dict[str, Chart]:
    """The charts of the report, by anchor; the scores of the first configuration are written on the way."""
    around = Around(compared.results, compared.labels or (), compared.recorded, compared.end, compared.zone)
    charts: dict[str, Chart] = {}
    for number, one in enumerate(ran):
        entries = [entry for section in told for entry in section.entries if entry.result == number]
        windows = windows_of([entry.alert for entry in entries], one.run.tally, one.registry)
        blocks = fill(windows, one.log.blocks())
        if number == 0:
            write_scores(out / "scores.csv", blocks, one.registry)
        elif entries:
            _exhaust(blocks)
        charts |= _drawn(entries, windows, one.registry, around)
    return charts


def _exhaust(blocks: Iterator[Rows]) -> None:
    for _ in blocks:
        pass


def _drawn(entries: Sequence[Entry], windows: Sequence[Window], registry: Registry, around: Around) -> dict[str, Chart]:
    pairs = zip(entries, windows, strict=True)
    made = ((entry.anchor, chart_of(entry.alert, window, registry, around)) for entry, window in pairs)
    return {anchor: chart for anchor, chart in made if chart is not None}


def _write_runs(ran: Sequence[_Ran], out: Path, inputs: Inputs) -> dict[str, Any]:
    """The files of a plain backtest for each configuration; the summary of the first."""
    summaries = []
    for number, one in enumerate(ran):
        folder = out if number == 0 else out / AGAINST / one.variant.folder
        folder.mkdir(parents=True, exist_ok=True)
        summaries.append(write_run(folder, one.run, one.registry, one.rejects, inputs, one.seconds))
    return summaries[0]


def _write_differences(compared: Compared, out: Path) -> None:
    results, pairings = compared.results, compared.pairings
    span = (compared.start, compared.end)
    told = (compared.differing, compared.labels, compared.recorded)
    write_comparison(out / "comparison.json", results, pairings, span, *told)
    write_differences(out / "differences.csv", results, pairings)
