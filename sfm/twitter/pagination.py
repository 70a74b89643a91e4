"""Where a paged call stands: its next token, and the ways in which such a chain goes wrong."""

from __future__ import annotations

from typing import Any

import msgspec

from sfm.messages import Message
from sfm.networks.errors import BadRequest
from sfm.networks.page import BROKEN_PAGING, Page, PartialError
from sfm.twitter.endpoints import Endpoint

_MAX_EMPTY_PAGES = 10  # in a row, each with a token for more
_MAX_RESUMES = 3


class PageChain:
    """One chain of pages. `params` are those of the next call; None when the chain has ended."""

    def __init__(
        self,
        endpoint: Endpoint,
        path: str,
        params: dict[str, Any],
        token_name: str,
        subject: str = "",
    ) -> None:
        self.endpoint = endpoint
        self.path = path
        self.subject = subject
        self.params: dict[str, Any] | None = params
        self._token_name = token_name
        self._seen: set[str] = set()
        self._lowest: int | None = None
        self._empty = 0
        self._resumes = 0

    def advance(self, page: Page) -> Page:
        """Take note of a page. Gives it back, with a problem added where the chain breaks off."""
        ids = [record.post.twitter_id for record in page.records]
        known = [self._lowest] if self._lowest is not None else []
        self._lowest = min(ids + known, default=None)
        self._empty = 0 if ids else self._empty + 1
        token = page.meta.next_token
        if token is None or self.params is None:
            self.params = None
            return page
        broken = self._broken(token)
        if broken:
            self.params = None
            problem = PartialError(
                kind=BROKEN_PAGING, title=Message("Paging broke off"), detail=broken
            )
            return msgspec.structs.replace(page, problems=(*page.problems, problem))
        self._seen.add(token)
        self.params[self._token_name] = token
        return page

    def _broken(self, token: str) -> str:
        if token in self._seen:
            return Message("Twitter gave the same page token twice, so later pages cannot be had.")
        if self._empty > _MAX_EMPTY_PAGES:
            return Message(
                "Twitter promised more and sent %(empty)s empty pages in a row.", empty=self._empty
            )
        return ""

    def resume_after(self, refusal: BadRequest) -> None:
        """Go on below the lowest id held, where it was the page token that was refused.

        Tokens expire. Raises the refusal where it is about anything else.
        """
        params = self.params or {}
        words = {*refusal.parameters, *refusal.detail.replace('"', " ").replace("'", " ").split()}
        about_token = not words.isdisjoint({"pagination_token", "next_token"})
        if not about_token or self._token_name not in params or self._resumes >= _MAX_RESUMES:
            raise refusal
        self._resumes += 1
        self._seen.clear()  # another chain: tokens that count pages begin anew
        del params[self._token_name]
        if self._lowest is not None:
            params["until_id"] = self._lowest
