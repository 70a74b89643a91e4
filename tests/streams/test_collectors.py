"""Collectors as real processes against a scripted stream: reconnects, refusals, signals, gaps."""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
from flask import Flask

from sfm.database import begin_write, db
from sfm.extensions import settings as app_settings
from sfm.filters import connections, service
from sfm.models import ApiUsage, StreamFile, TwitterFilter
from sfm.supervisord.conf import shared_name
from tests.rounds import rounds
from tests.streams.collecting import (
    Process,
    all_gaps,
    beat_of,
    environment,
    gaps,
    ids_of_lines,
    make_filter,
    saved_spans,
)
from tests.streams.conftest import ids_in, sealed_files, zcat
from tests.streams.fake_x import FakeX, Line, Refusal, Script
from tests.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(rounds(300, 3600))]
Collect = Callable[..., Process]
NAME = "twitterfilter-1"


@pytest.fixture
def data(app: Flask) -> Path:
    return app_settings().data_folder


@pytest.fixture
def collect(app: Flask) -> Iterator[Collect]:
    """Start a collector of filter 1: collect(fake, "--save", more options…, SFM_X="…")."""
    running: list[Process] = []

    def collect(fake: FakeX, *options: object, **more: str) -> Process:
        arguments = ("filterstream", 1, *(options or ("--save",)))
        running.append(Process(environment(app, fake.url, **more), *arguments))
        return running[-1]

    yield collect
    for process in running:
        process.kill()


def posts(first: int, last: int, then: Script | None = None) -> Script:
    """A connection that brings these posts, and then what `then` says (nothing: it is held)."""

    def script(line: Line) -> None:
        for number in range(first, last + 1):
            line.post(number)
        (then or Line.hold)(line)

    return script


def posts_so_far() -> int:
    beat = beat_of(NAME)
    return beat.posts if beat else 0


def stop(process: Process) -> None:
    process.signal(signal.SIGTERM)
    code, _, err = process.end()
    assert code == 0, err


def half_a_line(line: Line) -> None:
    line.raw(b'{"data":{"id":"999","text":"never fin')
    line.handler.connection.close()


def reset(line: Line) -> None:
    time.sleep(0.5)  # a reset takes away what was not read yet
    line.raw(b'{"data":{"id":"999","text":"never fin')
    line.reset()


def told(line: Line) -> None:
    line.raw(
        b'{"errors":[{"title":"operational-disconnect","disconnect_type":'
        b'"UpstreamOperationalDisconnect","detail":"For operational reasons.",'
        b'"type":"https://api.twitter.com/2/problems/operational-disconnect"}]}\r\n'
    )
    line.end()


def end_without_hanging_up(line: Line) -> None:
    """As between its last word and its FIN a server may let any time pass."""
    line.end()
    line.fake.closing.wait(60)


ENDS: list[tuple[str, Script, str]] = [
    ("clean end", Line.end, "closed"),
    ("clean end, connection left open", end_without_hanging_up, "closed"),
    ("in mid-line", half_a_line, "network"),
    ("reset", reset, "network"),
    ("told why", told, "UpstreamOperationalDisconnect"),
]


@pytest.mark.parametrize(("how", "end", "cause"), ENDS, ids=[how for how, _, _ in ENDS])
def test_after_any_end_it_is_back_at_once_with_nothing_lost(
    collect: Collect, data: Path, how: str, end: Script, cause: str
) -> None:
    """ST1, ST2, ST14: the half line is dropped, and is no garbage."""
    make_filter()
    with FakeX(posts(1, 60, end), posts(61, 80, end), posts(81, 100)) as fake:
        process = collect(fake)
        wait_for(lambda: posts_so_far() == 100)
        stop(process)
        assert len(fake.connects) == 3
        away = [after - before for before, after in pairwise(fake.connects)]
        assert min(away) < 1.5  # the better of two: the machine has other things to do
    assert ids_in(sealed_files(data)) == dict.fromkeys(range(1, 101), 1)
    assert not (data / "quarantine").exists()
    assert {gap.cause for gap in gaps()} <= {cause}


@pytest.mark.slow
def test_each_outage_of_a_second_is_a_gap_as_long_as_it_was(collect: Collect, data: Path) -> None:
    """ST18: exactly one row, a second more or less."""
    make_filter()
    refusal: Refusal = (503, {}, "<html>over capacity</html>")
    ended: list[float] = []

    def end(line: Line) -> None:
        ended.append(time.monotonic())
        line.end()

    with FakeX(posts(1, 60, end), refusal, posts(61, 70)) as fake:
        process = collect(fake)
        wait_for(lambda: len(fake.connects) == 3)
        wait_for(lambda: posts_so_far() == 70)
        took = fake.connects[2] - ended[0]
        stop(process)
    (gap,) = gaps()
    assert gap.seconds is not None
    assert abs(gap.seconds - took) < 1
    assert gap.ended_at is not None
    assert abs((gap.ended_at - gap.began_at).total_seconds() - took) < 1
    assert (gap.cause, gap.last_id, gap.prefix) == ("closed", 60, NAME)
    assert gap.lost_estimate > 0


def test_a_connection_that_dies_in_silence_is_given_up_and_made_anew(
    collect: Collect, data: Path
) -> None:
    """ST3 in short: the process is told to be impatient; the real 30 s are in the long form."""
    make_filter()
    seconds = rounds(3, 30)

    def silent(line: Line) -> None:
        line.post(1)
        line.fake.closing.wait(600)

    with FakeX(silent, posts(2, 3)) as fake:
        process = collect(fake, "--save", SFM_STREAM_SILENCE_SECONDS=str(seconds))
        wait_for(lambda: posts_so_far() == 3)
        assert seconds <= fake.connects[1] - fake.connects[0] < seconds + 5
        stop(process)
    (gap,) = gaps()
    assert gap.cause == "silent"
    assert gap.seconds is not None
    assert abs(gap.seconds - seconds) < 2


def test_garbage_is_put_aside_and_the_stream_goes_on(collect: Collect, data: Path) -> None:
    """ST6, ST8, ST21."""
    make_filter()
    garbage = [
        b'{"data":', b"<html>sorry</html>", b"12345", b'"text"', b"[" * 100_000, b"nul\x00l",
        b'{"data":{"id":"5","text":"\xff\xfe"}}x', b"9" * 5000, b"null", b"true", b"[1,2]",
        b'{"data":[]}', b'{"data":{"id":{}}}',
    ]  # fmt: skip

    def script(line: Line) -> None:
        line.post(1)
        for one in garbage:
            line.raw(one + b"\r\n")
        line.raw(b"x" * 3_000_000 + b"\r\n")
        line.post(2)
        line.hold()

    with FakeX(script) as fake:
        process = collect(fake)
        wait_for(lambda: (beat := beat_of(NAME)) and beat.figures["per_filter"] == {"1": 2})
        beat = beat_of(NAME)
        assert beat is not None
        assert (beat.figures["quarantined"], beat.figures["skipped"]) == (len(garbage), 1)
        stop(process)
    # K-23: what was too long was delivered as well.
    assert sum(row.posts for row in db.session.query(ApiUsage)) == 2 + len(garbage) + 1
    assert set(ids_in(sealed_files(data))) == {1, 2}
    (aside,) = (data / "quarantine").iterdir()
    kept = [json.loads(line) for line in aside.read_text().splitlines()]
    assert len(kept) == len(garbage)
    assert all(entry["reason"] for entry in kept)
    assert aside.stat().st_mode & 0o777 == 0o600


def test_split_bytes_and_odd_separators_come_out_as_they_went_in(
    collect: Collect, data: Path
) -> None:
    """ST7: one byte a chunk, with U+2028 and U+0085 in the text."""
    made = make_filter()
    text = "Zoë \u2028 \u0085 👩‍👩‍👧 \u2029"
    rule = service.by_id(made.id)
    body = {"data": {"id": "7", "text": text}, "matching_rules": [{"id": "1001", "tag": "x"}]}
    raw = json.dumps(body, ensure_ascii=False).encode()

    def script(line: Line) -> None:
        for number in range(len(raw + b"\r\n")):
            line.raw((raw + b"\r\n")[number : number + 1])
        line.hold()

    with FakeX(script) as fake:
        process = collect(fake)
        wait_for(lambda: posts_so_far() == 1)
        stop(process)
    assert zcat(sealed_files(data)[0]) == raw + b"\n"
    assert rule.words == "flood"


def test_a_replay_is_kept_once_in_the_file_and_counted(collect: Collect, data: Path) -> None:
    """ST17: three thousand again, in another order."""
    make_filter()

    def again(line: Line) -> None:
        for number in range(3000, 0, -1):
            line.post(number)
        line.post(3001)
        line.hold()

    with FakeX(posts(1, 3000, Line.end), again) as fake:
        process = collect(fake)
        wait_for(lambda: posts_so_far() == 6001)
        stop(process)
    assert ids_in(sealed_files(data)) == dict.fromkeys(range(1, 3002), 1)
    db.session.rollback()
    assert [row.duplicates for row in db.session.query(StreamFile)] == [3000]


NEEDS_PERSON = [
    (401, {"title": "Unauthorized", "status": 401, "detail": "Unauthorized"}, 2),
    (403, {"title": "Forbidden", "reason": "client-not-enrolled", "detail": "x",
           "type": "https://api.twitter.com/2/problems/client-forbidden"}, 2),
    (402, {"title": "CreditsDepleted", "detail": "Your account does not have any credits.",
           "type": "https://api.twitter.com/2/problems/credits"}, 1),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "tries"), NEEDS_PERSON)
def test_what_only_a_person_can_heal_ends_with_its_own_code(
    collect: Collect, status: int, body: dict[str, object], tries: int
) -> None:
    """ST12: two tries at most, never for ever."""
    make_filter()
    with FakeX((status, {}, body)) as fake:
        process = collect(fake)
        code, _, _ = process.end()
        assert code == 3
        assert len(fake.connects) == tries
    beat = beat_of(NAME)
    assert beat is not None
    assert beat.state == "needs_person"
    assert beat.reason


def test_no_rules_ends_with_its_own_code(collect: Collect) -> None:
    """ST13: nothing is left of the filter's rules."""
    make_filter(words="flood")
    with FakeX((409, {}, {"title": "ConnectionException", "detail": "no rules",
                          "connection_issue": "RuleConfigurationIssue"})) as fake:  # fmt: skip
        assert collect(fake).end()[0] == 3
        assert fake.rule_calls[:2] == ["add", "delete"]  # tried with them, and taken back
        assert fake.rules == {}


@pytest.mark.parametrize("status", [429, 420, 503])
def test_a_refusal_that_heals_is_waited_for_and_shown(collect: Collect, status: int) -> None:
    """ST9, ST10, ST11, ST15: the exact waits are in tests/twitter; here they are kept."""
    make_filter()
    with FakeX((status, {"x-rate-limit-reset": "garbage"}, "<html>")) as fake:
        process = collect(fake)
        wait_for(lambda: (beat := beat_of(NAME)) and beat.state == "waiting")
        beat = beat_of(NAME)
        assert beat is not None
        assert beat.wait_until is not None
        wait = (beat.wait_until - beat.since).total_seconds()
        assert abs(wait - (5 if status == 503 else 60)) < 2
        assert len(fake.connects) == 1
        stop(process)


def test_an_endless_row_of_short_connections_is_no_storm(collect: Collect) -> None:
    """ST16: ten connects a minute at most."""
    make_filter()
    with FakeX(Line.end) as fake:
        process = collect(fake)
        wait_for(lambda: len(fake.connects) >= 3)
        time.sleep(rounds(4, 60))
        first = fake.connects[0]
        assert len([at for at in fake.connects if at - first < 60]) <= 10
        stop(process)


def test_rules_are_synced_on_a_signal_and_by_itself_without_a_new_connection(
    collect: Collect,
) -> None:
    made = make_filter()
    with FakeX(posts(1, 1)) as fake:
        process = collect(fake)
        wait_for(lambda: posts_so_far() == 1)
        assert list(fake.rules) == ["flood"]
        for words in ("flood, storm", "storm"):
            db.session.rollback()
            begin_write()
            found = service.by_id(made.id)
            found.words = words
            service.release(found)
            db.session.commit()
            process.signal(signal.SIGHUP)
            rule = words.replace(", ", " OR ")
            wait_for(lambda rule=rule: list(fake.rules) == [rule])
        assert fake.rule_calls == ["add", "add", "delete", "add", "delete"]
        assert len(fake.connects) == 1
        stop(process)


def test_rules_of_other_programs_are_left_alone_and_their_posts_not_filed(
    collect: Collect, data: Path
) -> None:
    """ST13: drift is shown."""
    make_filter()

    def script(line: Line) -> None:
        wait_for(lambda: "flood" in line.fake.rules)
        line.post(1, rules=[line.fake.rules["flood"]])
        line.post(2, rules=[{"id": "7", "tag": "somebody else's"}])
        line.hold()

    with FakeX(script) as fake:
        fake.rules["cats"] = {"id": "7", "value": "cats", "tag": "somebody else's"}
        process = collect(fake)
        wait_for(lambda: posts_so_far() == 2)
        wait_for(lambda: (beat := beat_of(NAME)) and beat.figures["unmatched"] == 1)
        beat = beat_of(NAME)
        assert beat is not None
        assert beat.figures["rules_of_others"] == 1
        stop(process)
        assert "cats" in fake.rules
    assert set(ids_in(sealed_files(data))) == {1}


def test_rules_taken_back_after_a_refusal_are_no_rules_deleted_by_others(
    collect: Collect,
) -> None:
    """ST13: without a connection of its own it leaves none at Twitter."""
    make_filter()
    no_rules: Refusal = (409, {}, {"title": "ConnectionException"})
    refusal: Refusal = (503, {}, "<html>over capacity</html>")
    with FakeX(no_rules, refusal, posts(1, 3)) as fake:
        process = collect(fake)
        wait_for(lambda: posts_so_far() == 3)
        assert fake.rule_calls == ["add", "delete", "add"]
        stop(process)
        assert list(fake.rules) == ["flood"]
    assert "rules_removed" not in {gap.cause for gap in gaps()}


def test_a_killed_collector_comes_back_with_a_gap_and_whole_files(
    collect: Collect, data: Path
) -> None:
    make_filter()
    with FakeX(posts(1, 150), posts(151, 200)) as fake:
        first = collect(fake)
        wait_for(lambda: (beat := beat_of(NAME)) and beat.figures["per_filter"] == {"1": 150})
        wait_for(lambda: (beat := beat_of(NAME)) and beat.figures["in_hand"] == 0)
        killed = time.time()
        first.kill()
        beat = beat_of(NAME)
        assert beat is not None
        assert beat.alive_at is not None
        last_word = saved_spans()[-1].saved_until
        time.sleep(1)
        second = collect(fake)
        wait_for(lambda: posts_so_far() == 50)
        back = time.time()
        stop(second)
    (gap,) = gaps()
    assert (gap.cause, gap.prefix) == ("process_lost", NAME)
    assert gap.ended_at is not None
    assert gap.began_at == last_word
    assert gap.lost_estimate >= 2  # 150 posts in the minute before, and it was away a second
    assert gap.began_at.timestamp() <= killed
    assert gap.ended_at.timestamp() <= back
    assert ids_in(sealed_files(data)) == dict.fromkeys(range(1, 201), 1)
    db.session.rollback()
    assert sum(row.lines for row in db.session.query(StreamFile)) == 200


def test_a_second_collector_of_a_filter_ends_at_once_with_its_own_code(
    collect: Collect,
) -> None:
    """CP10"""
    make_filter()
    with FakeX(posts(1, 1)) as fake:
        first = collect(fake)
        wait_for(lambda: posts_so_far() == 1)
        code, _, err = collect(fake).end()
        assert code == 4
        assert f"Process {first.pid} " in err
        assert len(fake.connects) == 1
        stop(first)


def test_two_filters_on_one_token_are_refused_and_the_holder_is_named(
    app: Flask, collect: Collect
) -> None:
    make_filter()
    make_filter("Other", "storm")
    with FakeX(posts(1, 1)) as fake:
        first = collect(fake)
        wait_for(lambda: posts_so_far() == 1)
        second = Process(environment(app, fake.url), "filterstream", 2, "--save")
        code, _, err = second.end()
        assert code == 4
        assert f"Process {first.pid} " in err
        assert "(number 1)" in err
        assert "credential-" not in err
        stop(first)


def test_without_save_posts_go_to_standard_output(collect: Collect, data: Path) -> None:
    make_filter()
    with FakeX(posts(1, 40)) as fake:
        process = collect(fake, "--verbose")
        assert process.process.stdout is not None
        lines = [process.process.stdout.readline() for _ in range(40)]
        process.signal(signal.SIGINT)
        code, out, err = process.end()
    assert (code, out) == (0, "")
    assert ids_of_lines(b"".join(lines)) == list(range(1, 41))
    for said in ("listens for flood", "connects with the app token", "standard output",
                 "state connected", "40 posts"):  # fmt: skip
        assert said in err, "--verbose says what goes on"
    assert "token-one" not in err
    assert not sealed_files(data)


def test_the_filters_words_and_the_token_are_on_no_command_line_nor_in_the_environment(
    collect: Collect,
) -> None:
    """S32"""
    make_filter(words="confidentialword", token="the-very-secret-token")
    with FakeX(posts(1, 1)) as fake:
        process = collect(fake)
        wait_for(lambda: posts_so_far() == 1)
        shown = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        shown += Path(f"/proc/{process.pid}/environ").read_bytes()
        assert b"confidentialword" not in shown
        assert b"the-very-secret-token" not in shown
        assert set(fake.tokens) == {"Bearer the-very-secret-token"}
        stop(process)
        _, _, err = process.end()
        assert "the-very-secret-token" not in err


def test_delivered_posts_are_counted_as_read(collect: Collect) -> None:
    make_filter()
    with FakeX(posts(1, 75)) as fake:
        process = collect(fake)
        wait_for(lambda: posts_so_far() == 75)
        stop(process)
    db.session.rollback()
    assert sum(row.posts for row in db.session.query(ApiUsage)) == 75


@pytest.mark.faults
def test_a_stop_loses_nothing_of_what_came(collect: Collect, data: Path) -> None:
    """CP3: 3 daily, 50 in the long form; each within five seconds, with all that came on disk."""
    make_filter()
    count = rounds(3, 50)
    sent = [0]
    came = 0
    took: list[float] = []

    def flood(line: Line) -> None:
        while not line.gone:
            sent[0] += 1
            line.post(sent[0])

    with FakeX(flood) as fake:
        for _ in range(count):
            before = sent[0]
            process = collect(fake)
            pid = process.pid
            wait_for(lambda pid=pid: (beat := beat_of(NAME)) and beat.pid == pid and beat.posts)
            assert sent[0] > before
            asked = time.monotonic()
            stop(process)
            took.append(time.monotonic() - asked)
            came += posts_so_far()
    assert min(took) < 5
    assert max(took) < 10, "supervisord would have killed it"
    found = ids_in(sealed_files(data))
    assert not list(data.glob("*.open"))
    assert set(found.values()) == {1}
    assert len(found) == came > 100


@pytest.mark.faults
def test_a_frozen_collector_keeps_its_lock_and_goes_stale(collect: Collect) -> None:
    """CP12; how the board shows it is in tests/status."""
    make_filter()
    with FakeX(posts(1, 1)) as fake:
        process = collect(fake)
        wait_for(lambda: posts_so_far() == 1)
        psutil.Process(process.pid).suspend()
        time.sleep(0.5)
        before = beat_of(NAME)
        assert before is not None
        at = before.beat_at
        time.sleep(3)
        after = beat_of(NAME)
        assert after is not None
        assert after.beat_at == at
        assert collect(fake).end()[0] == 4
        psutil.Process(process.pid).resume()
        stop(process)


def test_a_deactivated_filter_ends_its_supervised_collector(collect: Collect, data: Path) -> None:
    made = make_filter()
    with FakeX(posts(1, 60)) as fake:
        process = collect(fake, "--save", SUPERVISOR_PROCESS_NAME=NAME)
        wait_for(lambda: posts_so_far() == 60)
        db.session.rollback()
        begin_write()
        service.deactivate(service.by_id(made.id))
        db.session.commit()
        assert process.end()[0] == 5
    assert len(ids_in(sealed_files(data))) == 60
    gap = all_gaps()[-1]
    assert (gap.cause, gap.ended_at) == ("not_active", None)


def test_filters_that_share_a_connection_get_the_posts_that_matched_them(
    app: Flask, data: Path
) -> None:
    """One process, one connection; a filter more is a rule sync, not a reconnect."""
    one = make_filter("One", "flood")
    two = make_filter("Two", "storm")
    connection = connections.fingerprint_of(one)[:12]
    name = shared_name(connection)

    def script(line: Line) -> None:
        fake = line.fake
        tags = {value: [{"id": r["id"], "tag": r["tag"]}] for value, r in fake.rules.items()}
        line.post(1, rules=tags["flood"])
        line.post(2, rules=tags["storm"])
        line.post(3, rules=tags["flood"] + tags["storm"])
        until = time.monotonic() + 100
        while "hail" not in fake.rules and time.monotonic() < until:
            line.keep_alive()
            time.sleep(0.1)
        rule = fake.rules["hail"]
        line.post(4, rules=[{"id": rule["id"], "tag": rule["tag"]}])
        line.hold()

    with FakeX(script) as fake:
        env = environment(
            app, fake.url, SUPERVISOR_PROCESS_NAME=name,
            SFM_SHARE_STREAM_CONNECTIONS="on",
        )  # fmt: skip
        process = Process(env, "filterstream", "--connection", connection, "--save")
        try:
            wait_for(lambda: (b := beat_of(name)) and b.posts == 3)
            three = make_filter("Three", "hail")
            wait_for(lambda: (b := beat_of(name)) and b.posts == 4)
            assert len(fake.connects) == 1
            stop(process)
        finally:
            process.kill()
    held = {
        number: sorted(ids_in(sorted(data.glob(f"twitterfilter-{number}-*.gz"))))
        for number in (one.id, two.id, three.id)
    }
    assert held == {one.id: [1, 3], two.id: [2, 3], three.id: [4]}


def test_the_list_of_filters_shows_their_state(app: Flask) -> None:
    make_filter()
    make_filter("Second", "x", active=False)
    answer = app.test_cli_runner().invoke(args=["filterstream", "--list"])
    assert answer.output == "1\tnot started\tann\tFloods\n2\tinactive\tann\tSecond\n"


@pytest.mark.parametrize(
    ("arguments", "code"), [((), 2), (("0",), 2), (("x",), 2), (("99", "--save"), 3)]
)
def test_wrong_use_has_a_code_of_its_own(app: Flask, arguments: tuple[str, ...], code: int) -> None:
    assert app.test_cli_runner().invoke(args=["filterstream", *arguments]).exit_code == code


def test_a_filter_without_an_app_token_says_what_to_do(app: Flask) -> None:
    made: TwitterFilter = make_filter(token="")
    answer = app.test_cli_runner().invoke(args=["filterstream", str(made.id)])
    assert answer.exit_code == 3
    assert "set_credential" in answer.output


@pytest.mark.faults
def test_what_a_slow_disk_cannot_take_is_counted_and_becomes_a_gap(app: Flask, data: Path) -> None:
    """ST5: syncs take seconds; the reader goes on, the queue overflows, nothing is silent."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed: a slow disk cannot be made")
    make_filter()
    sent = 14_000
    log = data.parent / "strace.log"
    slow = ("strace", "-f", "--seccomp-bpf", "-o", log, "-e", "trace=fsync",
            "-e", "inject=fsync:delay_exit=5000000:when=4..5")  # fmt: skip
    with FakeX(posts(1, sent)) as fake:
        process = Process(environment(app, fake.url), "filterstream", 1, "--save", before=slow)
        try:
            wait_for(lambda: (b := beat_of(NAME)) and b.figures["dropped"])
            wait_for(lambda: (b := beat_of(NAME)) and b.figures["queue"] == 0)
            psutil.Process(process.pid).children()[0].terminate()
            process.end()
        finally:
            process.kill()
    assert "DELAYED" in log.read_text()
    beat = beat_of(NAME)
    assert beat is not None
    dropped = beat.figures["dropped"]
    held = ids_in(sealed_files(data))
    assert len(held) + dropped == sent
    delivered = sum(row.posts for row in db.session.query(ApiUsage))
    assert delivered == sent, "K-23: what found no room is paid for as well"
    lost = [gap.lost_counted for gap in gaps() if gap.cause == "too_slow"]
    assert sum(lost) == dropped > 0, "one gap, or two where the queue filled again"
    assert set(range(1, 5000)) <= set(held), "the queue holds ten thousand"


def test_the_sample_stream_is_collected_with_the_default_users_token(
    app: Flask, data: Path
) -> None:
    made = make_filter(token="token-of-ann", active=False)

    def script(line: Line) -> None:
        for number in range(1, 61):
            line.raw(b'{"data":{"id":"%d","text":"x"}}\r\n' % number)
        line.hold()

    with FakeX(script) as fake:
        env = environment(app, fake.url, SFM_TWITTER_DEFAULT_USERNAME=made.user.username)
        process = Process(env, "streamsample", "--save", "--interval", "600")
        try:
            wait_for(lambda: (b := beat_of("streamsample")) and b.posts == 60)
            refused = Process(env, "filterstream", made.id)
            code, _, err = refused.end()
            assert code == 4
            assert "streamsample" in err
            stop(process)
        finally:
            process.kill()
        assert set(fake.tokens) == {"Bearer token-of-ann"}
    (file,) = sealed_files(data)
    assert file.name.startswith("streamsample-")
    assert len(ids_in([file])) == 60
    (span,) = saved_spans("streamsample")
    gap = all_gaps("streamsample")[-1]
    assert (gap.began_at, gap.ended_at, gap.cause) == (span.saved_until, None, "restarted")


HEAVY = ("sfm.web.setup", "pyarrow", "authlib", "apscheduler", "openpyxl", "supervisor")


def test_a_collector_starts_without_what_only_pages_and_jobs_need(collect: Collect) -> None:
    """A filter is to collect soon after its save: half of that time is spent on imports."""
    make_filter()
    with FakeX(posts(1, 2)) as fake:
        process = collect(fake, "--save", PYTHONPROFILEIMPORTTIME="1")
        wait_for(lambda: posts_so_far() == 2)
        process.signal(signal.SIGTERM)
        _, _, err = process.end()
    imported = {line.split("|")[-1].strip() for line in err.splitlines() if "import time:" in line}
    assert "sfm.streams.collector" in imported
    assert not imported & set(HEAVY)
