"""Links for pages: of one post, by domain, by outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, or_, select

from sfm.database import db
from sfm.errors import NotFound
from sfm.messages import Message
from sfm.models import Link, TwitterUserItem, TwitterUserItemUrl

MAX_DOMAINS = 50


@dataclass(frozen=True)
class LinkCount:
    """So many links of one domain or outcome."""

    name: str
    links: int


@dataclass(frozen=True)
class PostLinks:
    """One post, and its links in their order with where each leads."""

    item: TwitterUserItem
    links: tuple[tuple[TwitterUserItemUrl, Link], ...]


def of_post(twitter_id: int) -> PostLinks:
    """The links of the post with this Twitter id. Raises NotFound."""
    item = db.session.scalar(
        select(TwitterUserItem).where(TwitterUserItem.twitter_id == twitter_id)
    )
    if item is None:
        raise NotFound(Message("There is no such post here."))
    return PostLinks(item, links_of(item))


def links_of(post: TwitterUserItem) -> tuple[tuple[TwitterUserItemUrl, Link], ...]:
    """The links of a post in their order, with where each leads."""
    query = (
        select(TwitterUserItemUrl, Link)
        .join(Link, Link.id == TwitterUserItemUrl.link_id)
        .where(TwitterUserItemUrl.item_id == post.id)
        .order_by(TwitterUserItemUrl.position)
    )
    return tuple((row[0], row[1]) for row in db.session.execute(query))


def outcomes() -> list[LinkCount]:
    """How many links came to what; the empty outcome is of those not followed yet."""
    count = func.count()
    query = select(Link.outcome, count).group_by(Link.outcome).order_by(count.desc())
    return [LinkCount(name, links) for name, links in db.session.execute(query)]


def domains(most: int = MAX_DOMAINS) -> list[LinkCount]:
    """The domains that most links end at, those counted where an answer came."""
    count = func.count()
    query = (
        select(Link.final_domain, count)
        .where(Link.final_domain != "", Link.final_status.is_not(None))
        .group_by(Link.final_domain)
        .order_by(count.desc(), Link.final_domain)
        .limit(most)
    )
    return [LinkCount(name, links) for name, links in db.session.execute(query)]


def ending_at(domain: str) -> Select[Any]:
    """Links that end at a domain or below it; all where it is empty."""
    query = select(Link)
    return query.where(Link.final_domain.in_(_domains_below(domain))) if domain else query


def narrow(links: Select[Any], outcome: str | None, seconds: int) -> Select[Any]:
    """Those of these links with an outcome ("failed": every one but ok, once followed; None: any)
    whose latest look took so many seconds at least."""
    if outcome == "failed":
        links = links.where(Link.outcome.not_in(("", "ok")))
    elif outcome is not None:
        links = links.where(Link.outcome == outcome)
    return links.where(Link.duration_seconds >= seconds) if seconds else links


def _domains_below(domain: str) -> Select[Any]:
    """A domain and those below it, out of the index alone: without, every link would be read."""
    bare = domain.lower().removeprefix("www.")
    ends = Link.final_domain.endswith("." + bare, autoescape=True)
    return select(Link.final_domain).distinct().where(or_(Link.final_domain == bare, ends))


def of_domain_or_beginning(text: str) -> Select[Any]:
    """Links that end at this domain or begin with this text; all where it is empty."""
    links = select(Link)
    if not text:
        return links
    domain = text.lower().removeprefix("https://").removeprefix("http://").rstrip("/")
    begins = Link.start_url.startswith(text, autoescape=True)
    return links.where(or_(Link.final_domain == domain, begins))
