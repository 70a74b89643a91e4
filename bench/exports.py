"""Exports: speed and memory of each format, beside twarc-csv and the original's way, in one run.

Every measurement is a process of its own, so that none measures another's memory. Ours takes all
posts; peers fewer of the same where all of them would take minutes. Rates are per CPU second,
with the share of a database server in it, medians of rounds in turn.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import psutil
from flask import has_app_context

from bench.installation import KINDS, add_accounts, installation
from bench.synthetic import World
from bench.table import Row, show
from sfm.exports.format import ALL_COLUMNS

ROOT = Path(__file__).resolve().parent.parent
TWARC = ROOT / ".venv-peers" / "bin" / "twarc2"
TWEETS, FOR_TWARC, FOR_ORIGINAL, FOR_OPENPYXL = 200_000, 20_000, 20_000, 3_000
MILLION = 1_000_000
BATCH, ROUNDS = 1_000, 3

HEAD = """
import re
def memory():  # at its highest; ru_maxrss would begin with the parent's
    with open("/proc/self/status") as file:
        return int(re.search(r"VmHWM:\\s+(\\d+)", file.read())[1]) / 1024
def app_of(instance, url):
    from pathlib import Path
    from sfm.config import Settings
    from sfm.factory import create_app
    key = "for benchmarks " * 3
    return create_app(Settings(instance=Path(instance), database_url=url, secret_key=key))
"""

EXPORT = """
import sys, time
from pathlib import Path
from sfm.exports.worker_main import bare_app  # what makes them in the background
from sfm.exports.request import Criteria
from sfm.exports.format import Layout
from sfm.exports.result import About, ExportRequest
from sfm.exports.build import make
_instance, url, format, columns, target = sys.argv[1:]
with bare_app(url).app_context():
    layout = Layout(format=format, columns=(columns,), packing="none")
    order = ExportRequest(Criteria(), layout, About("bench"))
    cpu = time.process_time()
    rows = make(order, Path(target)).facts.rows_written
    cpu = time.process_time() - cpu
print(rows, cpu, memory())
"""

ORIGINAL_CSV = """
import json, re, sys, time
from pathlib import Path
from sqlalchemy import select
from sfm.database import db
from sfm.models import TwitterUserItem
instance, url, most, target = sys.argv[1:]
app = app_of(instance, url)
STRICT = re.compile(r"(?<!please)(?<!pls)(?<!plz) RT ", re.I)
with app.app_context():
    cpu = time.process_time()
    # The first Social Feed Manager: whole objects, each JSON parsed, all lines kept, then written.
    items = db.session.scalars(
        select(TwitterUserItem).order_by(TwitterUserItem.date_published.desc()).limit(int(most))
    ).all()
    lines = []
    for item in items:
        t = json.loads(item.item_json)
        urls = [part for u in t["entities"]["urls"][:2] for part in (u["url"], u["expanded_url"])]
        text = t["full_text"].replace("\\n", " ")
        strict = "retweeted_status" in t
        cells = [
            item.id, item.date_published.strftime("%Y-%m-%dT%H:%M:%SZ"),
            item.date_published.strftime("%m/%d/%Y"), t["id_str"], t["user"]["screen_name"],
            t["user"]["followers_count"], t["user"]["friends_count"], t["retweet_count"],
            ", ".join(h["text"] for h in t["entities"]["hashtags"]),
            t["in_reply_to_screen_name"] or "", ", ".join(re.findall(r"@\\w+", text)),
            "http://twitter.com/%s/status/%s" % (t["user"]["screen_name"], t["id_str"]),
            strict, strict or text.startswith("RT ") or bool(STRICT.search(text)),
            (t["coordinates"] or {}).get("coordinates", ""), text, *(urls + [""] * 4)[:4],
        ]
        lines.append("\\t".join(str(cell) for cell in cells))
    Path(target).write_text("\\n".join(lines), encoding="utf-8")
    cpu = time.process_time() - cpu
print(len(lines), cpu, memory())
"""

ORIGINAL_XLSX = """
import csv, sys, time
import openpyxl
from openpyxl.styles import Font
source, most, target = sys.argv[1:]
with open(source, encoding="utf-8", newline="") as file:
    rows = [row for row, _ in zip(csv.reader(file), range(int(most)))]
cpu = time.process_time()
book = openpyxl.Workbook()
sheet = book.active
for number, row in enumerate(rows, 1):
    for place, value in enumerate(row, 1):
        cell = sheet.cell(row=number, column=place)
        cell.value = value
        cell.font = Font(bold=number == 1)
book.save(target)
cpu = time.process_time() - cpu
print(len(rows), cpu, memory())
"""

MILLION_ROWS = """
import csv, itertools, sys, time
from sfm.exports.columns.classic import CLASSIC
from sfm.exports.writers.xlsx_writer import XlsxWriter
source, most, target = sys.argv[1:]
cpu = time.process_time()
done = 0
with open(target, "wb") as sink:
    writer = XlsxWriter(sink, CLASSIC)
    while done < int(most):
        with open(source, encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            next(reader)
            while done < int(most) and (rows := list(itertools.islice(reader, 1000))):
                writer.write(rows)
                done += len(rows)
    writer.finish()
cpu = time.process_time() - cpu
print(done, cpu, memory())
"""


class Measured:
    """Rows, seconds and megabytes of one measured process, its database server's seconds added."""

    def __init__(self, code: str, *words: str) -> None:
        before = server_seconds()
        done = subprocess.run(
            [sys.executable, "-c", HEAD + code, *words],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        )
        self.rows, cpu, self.megabytes = map(float, done.stdout.split())
        self.rate = self.rows / (cpu + server_seconds() - before)

    def __str__(self) -> str:
        return f"{self.rate:,.0f}/s"


def server_seconds() -> float:
    """CPU seconds of the PostgreSQL server in use until now, ended sessions too; 0 on SQLite."""
    from sfm.database import db

    if not has_app_context() or db.engine.dialect.name != "postgresql":
        return 0.0
    with db.engine.connect() as connection:
        backend = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    postmaster = psutil.Process(backend).parent()
    assert postmaster is not None, "the server must run on this machine"
    alive = [sum(child.cpu_times()[:2]) for child in postmaster.children()]
    return float(sum(postmaster.cpu_times()[:4]) + sum(alive))


def fill(owners: dict[int, int], world: World, count: int) -> None:
    """So many made-up posts, kept as an import keeps them."""
    from itertools import islice

    from sfm.database import begin_write, db
    from sfm.networks.page import PostRecord
    from sfm.posts.store import save_page
    from sfm.twitter.parse.tweet import parse_line

    lines = world.v1_lines(count)
    while page := [PostRecord(line, parse_line(line)) for line in islice(lines, BATCH)]:
        begin_write()
        save_page(page, captured_by="timeline", run_id=1, owner=owners)
        db.session.commit()


def twarc_rate(folder: Path) -> float:
    """Posts per CPU second of `twarc2 csv`, start-up not counted."""
    few, many = FOR_TWARC // 10, FOR_TWARC
    seconds = twarc_seconds(folder, many) - twarc_seconds(folder, few)
    return (many - few) / seconds


def twarc_seconds(folder: Path, count: int) -> float:
    pages = folder / f"pages-{count}.jsonl"
    if not pages.exists():
        write_pages(pages, count)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [str(TWARC), "csv", str(pages), str(folder / "twarc.csv")],
        cwd=folder,  # it keeps a log there
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "BEARER_TOKEN": "unused"},
        capture_output=True,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def write_pages(path: Path, count: int) -> None:
    """The posts as v2 answers of a hundred each, as twarc keeps them."""
    records = [json.loads(line) for line in World().v2_lines(count)]
    with path.open("w", encoding="utf-8") as out:
        for start in range(0, count, 100):
            page = records[start : start + 100]
            includes: dict[str, dict[str, object]] = {}
            for record in page:
                for kind, objects in record["includes"].items():
                    known = includes.setdefault(kind, {})
                    known.update(
                        {
                            included.get("id") or included["media_key"]: included
                            for included in objects
                        }
                    )
            body = {
                "data": [record["data"] for record in page],
                "includes": {kind: list(known.values()) for kind, known in includes.items()},
                "meta": {"result_count": len(page)},
            }
            out.write(json.dumps(body, ensure_ascii=False) + "\n")


@contextmanager
def filled(kind: str) -> Iterator[tuple[str, str]]:
    """An installation with posts: its instance folder and database address."""
    world = World()
    with installation(kind) as (app, _was_there):
        from sfm.extensions import settings

        fill(add_accounts(world.people), world, TWEETS)
        config = settings()
        yield str(config.instance), config.database_url


def measure(kind: str, folder: Path) -> list[Row]:
    with filled(kind) as place:
        return [*classic(kind, place, folder), *others(kind, place, folder)]


def classic(kind: str, place: tuple[str, str], folder: Path) -> list[Row]:
    """The classic CSV, beside the original's way and twarc-csv in turn."""
    ours, original, twarc = [], [], []
    for _ in range(ROUNDS):
        ours.append(exported(place, folder, "csv"))
        words = (*place, str(FOR_ORIGINAL), str(folder / "original.tsv"))
        original.append(Measured(ORIGINAL_CSV, *words).rate)
        if TWARC.exists():
            twarc.append(twarc_rate(folder))
    csv = sorted(ours, key=lambda csv_row: csv_row.rate)[ROUNDS // 2]
    rows = [
        against(f"{kind}: classic CSV", csv, "original", median(original), ">= 3"),
        in_memory(f"{kind}: memory of the CSV", csv, 100),
    ]
    if twarc:
        rows.insert(0, against(f"{kind}: classic CSV", csv, "twarc-csv", median(twarc), ">= 10"))
    return rows


def others(kind: str, place: tuple[str, str], folder: Path) -> list[Row]:
    """The other formats, once each."""
    xlsx, parquet = exported(place, folder, "xlsx"), exported(place, folder, "parquet")
    source = str(folder / "classic.csv")
    openpyxl = Measured(ORIGINAL_XLSX, source, str(FOR_OPENPYXL), str(folder / "original.xlsx"))
    rows = [
        against(f"{kind}: XLSX", xlsx, "openpyxl", openpyxl.rate, ">= 8"),
        against(f"{kind}: Parquet", parquet, "goal", 20_000, ">= 1"),
        Row(
            f"{kind}: CSV, {len(ALL_COLUMNS)} columns",
            str(exported(place, folder, "csv", "extended")),
        ),
        Row(f"{kind}: JSON as received", str(exported(place, folder, "json"))),
        Row(f"{kind}: ids only", str(exported(place, folder, "ids"))),
    ]
    if kind == "sqlite":
        big = Measured(MILLION_ROWS, source, str(MILLION), str(folder / "million.xlsx"))
        rows.append(in_memory("1,000,000 rows of XLSX", big, 250))
    return rows


def exported(
    place: tuple[str, str], folder: Path, format: str, columns: str = "classic"
) -> Measured:
    target = folder / f"{columns}.{format}"
    if target.is_dir():  # Parquet of the round before
        shutil.rmtree(target)
    return Measured(EXPORT, *place, format, columns, str(target))


def against(what: str, ours: Measured, peer: str, rate: float, goal: str) -> Row:
    return Row(what, str(ours), f"{peer} {rate:,.0f}/s", ours.rate / rate, goal)


def in_memory(what: str, ours: Measured, most: int) -> Row:
    return Row(what, f"{ours.megabytes:.0f} MB", f"{most} MB", ours.megabytes / most, "<= 1")


def main() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        rows = [row for kind in KINDS for row in measure(kind, Path(folder))]
    return show(f"Exports of {TWEETS:,} tweets (rows per CPU second)", rows)


if __name__ == "__main__":
    main()
