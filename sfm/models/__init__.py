"""All tables. One schema, one metadata; a leaf that imports no feature."""

from sfm.database import Base
from sfm.models.account import (
    AccountEvent,
    FormerName,
    TimelineHole,
    TwitterUser,
    TwitterUserSet,
    set_member,
)
from sfm.models.audit import AuditEntry, Event
from sfm.models.coverage import CoverageDue, CoverageSaved, FilterVersion, GapFill
from sfm.models.export import ExportFile, ExportProfile, RecurringExport
from sfm.models.filter import TwitterFilter
from sfm.models.installation import Installation
from sfm.models.link import Link, LinkLook, TwitterUserItemUrl
from sfm.models.post import DayCount, DayTotal, TwitterUserItem
from sfm.models.removed_post import RemovedPost
from sfm.models.run import Lease, Run, RunError, ScheduledJob
from sfm.models.stream import Gap, Heartbeat, ProgramRetry, StreamFile
from sfm.models.user import ApiUsage, Attempts, Credential, SignInState, User

__all__ = [
    "AccountEvent",
    "ApiUsage",
    "Attempts",
    "AuditEntry",
    "Base",
    "CoverageDue",
    "CoverageSaved",
    "Credential",
    "DayCount",
    "DayTotal",
    "Event",
    "ExportFile",
    "ExportProfile",
    "FilterVersion",
    "FormerName",
    "Gap",
    "GapFill",
    "Heartbeat",
    "Installation",
    "Lease",
    "Link",
    "LinkLook",
    "ProgramRetry",
    "RecurringExport",
    "RemovedPost",
    "Run",
    "RunError",
    "ScheduledJob",
    "SignInState",
    "StreamFile",
    "TimelineHole",
    "TwitterFilter",
    "TwitterUser",
    "TwitterUserItem",
    "TwitterUserItemUrl",
    "TwitterUserSet",
    "User",
    "set_member",
]
