"""Names say what a value is, and a class name stands for one thing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from scripts import count_house
from scripts.import_graph import ROOT, parsed_modules

MAX_PER_THOUSAND_LINES = 3


def test_names_that_say_nothing_are_rare() -> None:
    trees = parsed_modules()
    lines = sum(
        path.read_text(encoding="utf-8").count("\n") for path in (ROOT / "sfm").rglob("*.py")
    )
    uses = {
        module: sum(count_house.limited_names({module: tree}, bindings_only=False).values())
        for module, tree in trees.items()
    }
    worst = sorted(uses, key=uses.__getitem__, reverse=True)[:10]
    rate = sum(uses.values()) / lines * 1000
    assert rate <= MAX_PER_THOUSAND_LINES, {module: uses[module] for module in worst}


def test_no_two_public_classes_have_one_name() -> None:
    assert count_house.classes_of_one_name(parsed_modules()) == {}


WORD = re.compile(r"(?<![\w/.?&-])tweet(?:s|ed|ing)?(?![\w=-])", re.IGNORECASE)
QUOTED = re.compile(r"""(["'])tweets?\1""")  # in a template: a name or value, no text
CODE = re.compile(r"`[^`]*`")
SAYS_TWEET = ("twitter", "sandbox")  # X's own words
# Where X says it, and names that addresses, forms and rows of the database keep.
NAMES_WITH_TWEET = {
    "tweet": "TWITTER_DIALECT, the field of a form, the kind in the audit log",
    "tweets": "an order of the list of accounts, the source in a stored export, X's includes",
    "tweet.removed": "an action in the audit log",
}
LINES_WITH_TWEET = {
    "Known are v2 records (tweet and post words), twarc's flattened form, and v1.1 tweets.",
    "* Twitter is read through the X API v2, in tweet or post words; v1.1 tweets",
    "Which of X's two vocabularies requests are made in. Takes one of: tweet, post.",
}


def lines_with_tweet(text: str) -> list[str]:
    """Lines that call a post a tweet: X alone does."""
    return [
        line.strip()
        for line in text.splitlines()
        if WORD.search(CODE.sub("", line)) and not any(known in line for known in LINES_WITH_TWEET)
    ]


def python_texts(tree: ast.Module) -> Iterator[str]:
    """All texts of a module: messages, help, docstrings; no names of values alone."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if node.value not in NAMES_WITH_TWEET:
                yield node.value


def guides() -> list[Path]:
    """README and guides. The sandbox's and the adapter's speak of what X sends."""
    about_x = {"sandbox.md", "twitter-adapter.md"}
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    return [path for path in pages if path.name not in about_x]


def test_what_people_read_says_post_and_not_tweet() -> None:
    """Texts of the program, pages, and guides; a command's docstring is its help."""
    wrong = {
        module: lines
        for module, tree in parsed_modules().items()
        if module.split(".")[1:2] not in [[name] for name in SAYS_TWEET]
        if (lines := [line for text in python_texts(tree) for line in lines_with_tweet(text)])
    }
    for path in [*(ROOT / "sfm" / "templates").rglob("*.html"), *guides()]:
        text = QUOTED.sub("", path.read_text(encoding="utf-8"))
        if lines := lines_with_tweet(text):
            wrong[str(path.relative_to(ROOT))] = lines
    assert wrong == {}


def test_a_text_that_says_tweet_is_noticed() -> None:
    texts = python_texts(ast.parse('"""Tweets of all."""\nkind = "tweet"\nsay("No tweets yet.")'))
    assert [*map(lines_with_tweet, texts)] == [["Tweets of all."], ["No tweets yet."]]
    assert lines_with_tweet("see /tweets/ and `tweets`, import_tweets, a retweet") == []
