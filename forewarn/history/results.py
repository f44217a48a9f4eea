"""Writes what a backtest found to its folder, byte for byte the same for the same input (contract, section 4)."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from alerts.alert import Alert
from forewarn.atomicfile import UNPRINTABLE
from forewarn.history.scorelog import Rows
from ingest.errors import InputError, said_by
from ingest.registry import Registry
from ingest.times import format_time, format_times
from workorders.order import WorkOrder

FILES = (
    *("scores.csv", "alerts.csv", "site_alerts.csv", "suppressed_alerts.csv", "work_orders.csv"),
    *("summary.json", "rejects.csv"),
    *("comparison.json", "differences.csv", "report.html"),
)
AGAINST = "against"
"""Folder of a comparison's other results, each in a folder of its own."""
UNFINISHED = ".unfinished"
"""Folder of a result that is being written; a run that was killed leaves it behind."""
ALERT_COLUMNS = (
    "alert_id",
    "site",
    "device",
    "metric",
    "kind",
    "severity",
    "onset_at",
    "raised_at",
    "cleared_at",
    "score",
    "explanation",
)


@contextmanager
def new_result(out: Path) -> Iterator[Path]:
    """A folder to write to: what is in it at the end takes the place of an earlier result in `out`.

    Raises InputError if `out` is or holds anything else or cannot be used, OSError naming it if writing fails; then
    all is as it was before.
    """
    _check(out)
    made, waiting = [path for path in (out, *out.parents) if not path.exists()], out / UNFINISHED
    try:
        out.mkdir(parents=True, exist_ok=True)
        _take_away(waiting)
        waiting.mkdir()
    except OSError as error:
        raise InputError(f"{out}: cannot be used: {said_by(error)}") from error
    try:
        yield waiting
        _check(out)  # what came in meanwhile is not taken away
        for path in out.iterdir():
            if path != waiting:
                _take_away(path)
        for path in waiting.iterdir():
            path.rename(out / path.name)
    except OSError as error:
        raise OSError(f"{out}: cannot be written: {said_by(error)}") from error
    finally:
        _take_away(waiting)
        for path in made:
            if not any(path.iterdir()):
                path.rmdir()


def _take_away(path: Path) -> None:
    """Delete a file, or a folder and all in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _check(out: Path) -> None:
    """Raise InputError if `out` is or holds anything but an earlier result."""
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is not a folder")
    try:
        found = sorted(out.rglob("*")) if out.exists() else []
    except OSError as error:
        raise InputError(f"{out}: cannot be used: {said_by(error)}") from error
    for path in found:
        if not _is_result(path.relative_to(out).parts, path):
            raise InputError(f"{out}: is neither empty nor an earlier result; it holds {str(path.relative_to(out))!r}")


def _is_result(parts: tuple[str, ...], path: Path) -> bool:
    """Whether that path below a result folder is one that a backtest writes."""
    folder = path.is_dir() and not path.is_symlink()
    if parts[0] == UNFINISHED:
        return folder if len(parts) == 1 else _is_result(parts[1:], path)
    if parts[0] == AGAINST and len(parts) <= 2:
        return folder
    within = len(parts) == 1 or (parts[0] == AGAINST and len(parts) == 3)
    return within and parts[-1] in FILES and not folder


def write_scores(path: Path, blocks: Iterable[Rows], registry: Registry) -> None:
    """A row per judged reading and per row of a device with several metrics, as the blocks come: in event order."""
    keys = [_cells(registry.key(number)) for number in range(registry.n_series)]
    keys += [_cells((device.site, device.name, "*")) for _, device in registry.devices()][::-1]  # -1 is device 0
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("time,site,device,metric,score,p_value\n")
        for rows in blocks:
            columns = zip(
                format_times(rows["time"]),
                rows["key"].tolist(),
                rows["score"].tolist(),
                rows["p_value"].tolist(),
                strict=True,
            )
            file.write("".join([f"{t},{keys[n]},{s:.6g},{p:.6g}\n" for t, n, s, p in columns]))


def _cells(values: Iterable[str]) -> str:
    """Those values as CSV, without the line's end."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow(values)
    return buffer.getvalue()


def write_alerts(out: Path, alerts: Iterable[Alert], suppressed: Sequence[Alert] = ()) -> None:
    """alerts.csv, ordered by the time of raising; alerts of a site or gateway go to site_alerts.csv.

    Those that were held back for a trained model go to suppressed_alerts.csv, which is there only with such alerts.
    """
    tables: list[tuple[str, Iterable[Alert]]] = [("alerts.csv", alerts), ("site_alerts.csv", ())]
    for name, found in [*tables, ("suppressed_alerts.csv", suppressed)] if suppressed else tables:
        rows = sorted(found, key=lambda a: (a.raised_at, a.id))
        with (out / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(ALERT_COLUMNS)
            writer.writerows(alert_row(alert) for alert in rows)


def alert_row(alert: Alert) -> tuple[str, ...]:
    """The cells of `ALERT_COLUMNS`."""
    return (
        alert.id,
        alert.site,
        alert.device,
        alert.metric if alert.metric is not None else "*",
        alert.kind,
        alert.severity,
        format_time(alert.onset_at),
        format_time(alert.raised_at),
        format_time(alert.cleared_at) if alert.cleared_at is not None else "",
        f"{alert.score:.6g}",
        alert.explanation.en,
    )


def write_orders(path: Path, orders: Iterable[WorkOrder]) -> None:
    """work_orders.csv, ordered by the time of opening."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("number", "alert_ids", "site", "device", "priority", "opened_at", "title"))
        for order in sorted(orders, key=lambda o: (o.opened_at, o.number)):
            opened = format_time(order.opened_at)
            ids = " ".join(order.alerts)
            writer.writerow((order.number, ids, order.site, order.device, order.priority, opened, order.title.en))


def write_json(path: Path, value: object) -> None:
    """A value as JSON for people and programs."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    path.write_text(f"{text}\n", encoding="utf-8", errors=UNPRINTABLE)
