"""Where the collecting of an account stands: no hole, whatever page it is cut off at."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sfm.timelines.cursor import TimelineCursor
from sfm.timelines.holes import Hole, hole_of_first_pass

ids = st.lists(st.integers(1, 1000), unique=True).map(lambda found: sorted(found, reverse=True))


def test_a_page_with_nothing_changes_nothing() -> None:
    assert TimelineCursor(held_to_id=5).after_page([]) == TimelineCursor(held_to_id=5)
    assert TimelineCursor(held_to_id=5).at_end() == TimelineCursor(held_to_id=5)
    assert TimelineCursor().at_end() == TimelineCursor()


def test_a_pass_moves_down_and_its_end_moves_up() -> None:
    place = TimelineCursor(held_to_id=5).after_page([20, 18]).after_page([17, 9])
    assert place == TimelineCursor(5, 20, 9)
    assert place.is_under_way
    assert place.at_end() == TimelineCursor(held_to_id=20)


def test_what_is_held_is_seen_whatever_the_paging_says() -> None:
    assert TimelineCursor(held_to_id=9).after_page([12, 9]).has_reached_held
    assert not TimelineCursor(held_to_id=9).after_page([12, 10]).has_reached_held
    assert not TimelineCursor(held_to_id=9).has_reached_held
    assert not TimelineCursor().after_page([1]).has_reached_held


def test_a_first_pass_has_a_hole_below_it_only_where_there_are_more_posts_than_x_gives() -> None:
    first_pass = TimelineCursor(None, 20, 10)
    below = Hole(None, 10, "limit")
    assert hole_of_first_pass(first_pass, 3_200, 3_100) is None
    assert hole_of_first_pass(first_pass, 3_201, 3_100) == below
    assert hole_of_first_pass(first_pass, None, 3_199) is None
    assert hole_of_first_pass(first_pass, None, 3_200) == below
    assert hole_of_first_pass(TimelineCursor(), 9_000, 0) is None


@given(posts=ids, more=ids, size=st.integers(1, 7), cut=st.integers(0, 30))
def test_cut_off_anywhere_nothing_is_missing_and_nothing_asked_twice(
    posts: list[int], more: list[int], size: int, cut: int
) -> None:
    """A timeline is read page by page and cut off after some pages; then it grows, and is read
    to its end by the rules of `collect`."""
    got: list[int] = []

    def read(timeline: list[int], place: TimelineCursor, pages: int | None) -> TimelineCursor:
        low, high = place.held_to_id or 0, place.oldest_id or 10**6
        left = [one for one in timeline if low < one < high]
        chunks = [left[at : at + size] for at in range(0, len(left), size)] or [[]]
        for chunk in chunks[:pages]:
            got.extend(chunk)
            place = place.after_page(chunk)
        return place.at_end() if pages is None or pages >= len(chunks) else place

    place = read(posts, TimelineCursor(), cut)
    newer = [one + 1000 for one in more]
    timeline = newer + posts
    if place.is_under_way:
        place = read(timeline, place, None)
    place = read(timeline, place, None)
    assert sorted(got) == sorted(timeline)
    assert place == TimelineCursor(held_to_id=max(timeline, default=None))
