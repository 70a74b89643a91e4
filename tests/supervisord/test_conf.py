"""What goes into a configuration file: numbers and fixed words, and every byte of them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from sfm.atomic_file import write_whole
from sfm.errors import BadSetting
from sfm.filters.programs import ProgramRequest, plan
from sfm.supervisord import conf, files
from sfm.supervisord.conf import BrokenConfiguration, Program
from sfm.supervisord.own_conf import web_program
from sfm.supervisord.paths import PROJECT, Paths, check

PATTERN = re.compile(
    r"; Written by Social Feed Manager for filter \d+(, \d+)*\. Changes made here are lost\.\n"
    r"; revision \d+\n"
    r"\[program:twitterfilter-\d+(-\d+)*\]\n"
    r'command="[\w./-]+" -m flask --app app filterstream \d+( \d+)* --save\n'
    r"directory=[\w./-]+\n"
    r'environment=SFM_INSTANCE="[\w./-]+",PYTHONUNBUFFERED="1"\n'
    r"(user=[a-z]+\n)?"
    r"umask=077\nautostart=true\nautorestart=unexpected\nexitcodes=0,2,3,4,5\n"
    r"startsecs=20\nstartretries=3\nstopsignal=TERM\nstopwaitsecs=10\n"
    r"stopasgroup=true\nkillasgroup=true\n"
    r"(std(out|err)_logfile=[\w./-]+/twitterfilter-[\d-]+\.(out|err)\.log\n"
    r"std(out|err)_logfile_maxbytes=10MB\nstd(out|err)_logfile_backups=3\n){2}"
    r"; sha256 [0-9a-f]{64}\n"
)


@pytest.mark.parametrize("ids", [(1,), (12,), (2, 5), (9223372036854775807, 1)])
def test_a_file_holds_numbers_and_fixed_words_only(place: Paths, ids: tuple[int, ...]) -> None:
    text = conf.render(Program(ids, revision=1763800000123456), place)
    assert PATTERN.fullmatch(text)
    conf.check(text)


@pytest.mark.parametrize("number", ["1\n[program:evil]\ncommand=/bin/sh", "%(ENV_PATH)s", "1 ;"])
def test_a_filter_number_that_is_no_number_is_refused(place: Paths, number: str) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        conf.render(Program((number,)), place)  # type: ignore[arg-type]


NOT_OURS = [
    "web", "twitterfilter", "twitterfilter-", "twitterfilter-0", "twitterfilter-01",
    "twitterfilter-1-", "twitterfilter--1", "twitterfilter-1\n", "twitterfilter-1x",
    "twitterfilter-shared-", "twitterfilter-shared-0123456789ab-1", "twitterfilter-shared-XYZ",
    "twitterfilter-٣", "streamsample", "twitterfilter-1:twitterfilter-1", "",
]  # fmt: skip


@pytest.mark.parametrize("name", NOT_OURS)
def test_programs_of_others_are_not_taken_for_ours(name: str) -> None:
    assert conf.ids_of(name) == ()
    assert not conf.is_collector(name)


def test_a_name_says_which_filters_it_carries() -> None:
    assert conf.ids_of(Program((2, 5)).name) == (2, 5)


def bad_paths() -> list[str]:
    rude = ['"', "'", ";", "#", "%", "\n", "\r", "\t", "$", "`", "*", "?", "[", "]", "\\", "{", "!"]
    more = ["(", ")", "<", ">", "|", "&", "\x00", "\x1b", "\u2028", "%(ENV_PATH)s", "%d", " ;x"]
    return [f"/srv/a{word}b" for word in rude + more] + ["relative/path", ""]


@pytest.mark.parametrize("path", bad_paths())
def test_a_path_that_would_not_stay_one_word_stops_the_start(place: Paths, path: str) -> None:
    with pytest.raises(BadSetting):
        check(replace(place, instance=_Raw(path)))  # type: ignore[arg-type]


class _Raw(str):
    """A path as it was typed; Path would tidy some of them up."""


@pytest.mark.parametrize("owner", ["a b", "root\nuser=x", "%(ENV_X)s", "-u", "x;y", "é"])
def test_an_owner_that_is_no_user_name_stops_the_start(place: Paths, owner: str) -> None:
    with pytest.raises(BadSetting):
        check(replace(place, owner=owner))


def test_a_folder_with_blanks_and_letters_of_all_kinds_is_good(place: Paths) -> None:
    folder = place.instance / "Bücher und mehr"
    folder.mkdir()
    elsewhere = replace(place, instance=folder, logs=place.logs)
    check(elsewhere)
    text = conf.render(Program((1,)), elsewhere)
    conf.check(text)
    assert f'SFM_INSTANCE="{folder}"' in text


def is_whole(text: str) -> bool:
    """Whether a file is as it was written: nothing cut off, nothing changed by hand."""
    body, mark, last = text.rpartition("; sha256 ")
    return bool(mark) and conf.checksum_line(body) == mark + last


def test_no_cut_file_passes_for_a_whole_one(place: Paths) -> None:
    text = conf.render(Program((123,), revision=77), place)
    assert is_whole(text)
    assert not [cut for cut in range(len(text)) if is_whole(text[:cut])]


def test_a_change_by_hand_is_seen(place: Paths) -> None:
    text = conf.render(Program((123,)), place)
    assert not is_whole(text.replace("123 --save", "12 --save"))


def test_every_cut_is_repaired_by_the_next_round(place: Paths) -> None:
    program = Program((123,), revision=77)
    whole = conf.render(program, place)
    target = place.conf / "twitterfilter-123.conf"
    for cut in range(0, len(whole), 7):
        target.write_text(whole[:cut])
        files.write_files(place, [program])
        assert target.read_text() == whole, cut


def test_supervisords_own_parser_has_the_last_word(place: Paths) -> None:
    absent = replace(place, logs=place.instance / "not there")
    with pytest.raises(BrokenConfiguration, match="not there"):
        files.write_files(absent, [Program((1,))])
    assert list(place.conf.iterdir()) == []


def test_an_unknown_owner_is_refused_before_a_file_is_in_place(place: Paths) -> None:
    with pytest.raises(BrokenConfiguration, match="nobodyknown"):
        files.write_files(replace(place, owner="nobodyknown"), [Program((1,))])
    assert list(place.conf.iterdir()) == []


def test_files_of_others_in_the_folder_are_left_alone(place: Paths) -> None:
    mine = place.conf / "streamsample.conf"
    mine.write_text("[program:streamsample]\ncommand=/bin/true\n")
    changed = files.write_files(place, [Program((1,))])
    again = files.write_files(place, [])
    assert (changed.new, again.gone) == (("twitterfilter-1",), ("twitterfilter-1",))
    assert [path.name for path in place.conf.iterdir()] == ["streamsample.conf"]


def test_files_are_for_their_owner_only(place: Paths) -> None:
    files.write_files(place, [Program((1,))])
    (file,) = place.conf.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_write_that_fails_leaves_the_old_file_and_nothing_aside(place: Paths) -> None:
    target = place.conf / "twitterfilter-1.conf"
    target.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_whole(target, "cut off here: \ud800")
    assert [(path.name, path.read_text()) for path in place.conf.iterdir()] == [
        ("twitterfilter-1.conf", "old")
    ]


def test_another_revision_alone_is_no_reason_to_start_again(place: Paths) -> None:
    files.write_files(place, [Program((1,), revision=1), Program((2,), revision=1)])
    changed = files.write_files(
        replace(place), [Program((1,), revision=2), Program((2,), revision=1)]
    )
    assert changed == files.FileChanges(revised=("twitterfilter-1",))
    moved = replace(place, python=Path("/usr/bin/python3"))
    assert files.write_files(moved, [Program((1,), revision=2)]).altered == ("twitterfilter-1",)


SHARED = "twitterfilter-shared-aaaaaaaaaaaa"


def test_a_hundred_filters_of_one_connection_have_a_short_name(place: Paths) -> None:
    """K-16: from 44 filters on the file's name was too long, and the old files were gone."""
    numbers = range(10**17, 10**17 + 100)
    (program,) = plan([ProgramRequest(n, "a" * 64, 1) for n in numbers], share=True).programs
    text = conf.render(program, place)
    assert (program.name, len(text) < 2000) == (SHARED, True)
    assert f"filterstream --connection {'a' * 12} --save" in text
    before = files.write_files(place, [Program((1,))])
    assert before.new == ("twitterfilter-1",)
    with pytest.raises(BrokenConfiguration):
        files.write_files(replace(place, logs=place.instance / "absent"), [program])
    assert [path.stem for path in place.conf.iterdir()] == ["twitterfilter-1"], "new before old"
    after = files.write_files(place, [program])
    assert (after.new, after.gone) == ((SHARED,), ("twitterfilter-1",))


@pytest.mark.parametrize("name", ["web", "streamsample"])
def test_the_templates_for_the_systems_supervisord_are_taken_by_it(place: Paths, name: str) -> None:
    """S-12: with the guide's paths nothing has to be edited."""
    text = (PROJECT / "supervisor" / f"{name}.conf.template").read_text()
    assert "/path/to" not in text
    text = text.replace("/var/log/sfm", str(place.logs)).replace("www-data", "root")
    conf.check(text)
    assert 'SFM_INSTANCE="/srv/sfm/instance"' in text


def test_the_pages_run_alike_under_both_supervisords(place: Paths) -> None:
    text = (PROJECT / "supervisor" / "web.conf.template").read_text()
    (theirs,) = re.findall("^command=(.*)$", text, re.M)
    (ours,) = re.findall("^command=(.*)$", web_program(place, "127.0.0.1", 8000), re.M)
    options = re.compile(r"--(?!config)[a-z-]+(?: [\w.:]+)?")
    assert sorted(options.findall(theirs)) == sorted(options.findall(ours))
