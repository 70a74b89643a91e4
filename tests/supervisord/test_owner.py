"""Who collectors run as: refused in words where that user cannot use the installation."""

from __future__ import annotations

import os
import pwd
from dataclasses import replace

import pytest

from sfm.errors import BadSetting
from sfm.supervisord.client import SupervisordClient
from sfm.supervisord.conf import Program
from sfm.supervisord.owner import check_owner
from sfm.supervisord.paths import Paths

OTHER = "nobody"


def test_an_owner_who_cannot_read_the_instance_is_refused_with_the_path_and_our_user(
    place: Paths,
) -> None:
    """S-6: else supervisord starts the collector again and again, and it looks like starting."""
    other = replace(place, owner=OTHER)
    with pytest.raises(BadSetting) as refusal:
        check_owner(other)
    for part in ("SUPERVISOR_PROCESS_OWNER", OTHER, str(place.instance), pwd_name()):
        assert part in refusal.value.message
    changes = SupervisordClient(other).reconcile([Program((1,))])
    assert changes.manager.state == "broken"
    assert changes.manager.message == refusal.value.message
    assert list(place.conf.iterdir()) == []


def test_one_unreadable_file_of_the_instance_is_enough(place: Paths) -> None:
    (place.instance / "local_settings.py").touch(mode=0o600)
    for path in (place.instance, place.run, place.python):
        path.chmod(0o777)
    with pytest.raises(BadSetting, match=r"local_settings\.py"):
        check_owner(replace(place, owner=OTHER))
    (place.instance / "local_settings.py").chmod(0o644)
    check_owner(replace(place, owner=OTHER))


def test_our_own_user_and_nobody_named_are_good(place: Paths) -> None:
    check_owner(place)
    check_owner(replace(place, owner=pwd_name()))


def pwd_name() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name
