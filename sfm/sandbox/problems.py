"""What X says when something is wrong: whole refusals and partial errors.

Shapes: X's OpenAPI description and answers recorded by public projects.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
PROBLEM = "https://api.twitter.com/2/problems/"
NEWER_PROBLEM = "https://api.x.com/2/problems/"
_INVALID = "One or more parameters to your request was invalid."


class RefusedRequest(Exception):
    """An answer other than 200: its status, body and any further headers."""

    def __init__(self, status: int, body: Json | str, headers: dict[str, str] | None = None):
        super().__init__(status)
        self.status = status
        self.body = body
        self.headers = headers or {}


def in_post_words(body: Json) -> Json:
    """The same answer with problem types as the newer vocabulary has them."""
    for problem in (body, *body.get("errors", [])):
        kind = problem.get("type")
        if isinstance(kind, str) and kind.startswith(PROBLEM):
            problem["type"] = NEWER_PROBLEM + kind.removeprefix(PROBLEM)
    return body


def generic(status: int, title: str, detail: str | None = None) -> Json:
    """The plain problem: 401 Unauthorized, 429 Too Many Requests, 503 Service Unavailable."""
    return {"title": title, "type": "about:blank", "status": status, "detail": detail or title}


def invalid(parameter: str, values: list[str], message: str) -> RefusedRequest:
    """400 for one parameter."""
    return invalid_many([{"parameters": {parameter: values}, "message": message}])


def invalid_many(errors: list[Json]) -> RefusedRequest:
    """400 for several parameters at once."""
    body = {
        "errors": errors,
        "title": "Invalid Request",
        "detail": _INVALID,
        "type": f"{PROBLEM}invalid-request",
    }
    return RefusedRequest(400, body)


def unauthorized() -> RefusedRequest:
    """401: no token, or one that X does not know."""
    return RefusedRequest(401, generic(401, "Unauthorized"))


def wrong_authentication(kind: str, supported: str) -> RefusedRequest:
    """403: a good token of a kind that this endpoint does not take."""
    detail = (
        f"Authenticating with {kind} is forbidden for this endpoint.  "
        f"Supported authentication types are [{supported}]."
    )
    body = {
        "title": "Unsupported Authentication",
        "detail": detail,
        "type": f"{PROBLEM}unsupported-authentication",
        "status": 403,
    }
    return RefusedRequest(403, body)


def not_found(resource: str, parameter: str, value: str) -> Json:
    """Partial: deleted, or never there."""
    return {
        "value": value,
        "detail": f"Could not find {resource} with {parameter}: [{value}].",
        "title": "Not Found Error",
        "resource_type": resource,
        "parameter": parameter,
        "resource_id": value,
        "type": f"{PROBLEM}resource-not-found",
    }


def suspended(parameter: str, value: str) -> Json:
    """Partial: X suspended the account. Titled Forbidden, typed as not found; so does X."""
    return {
        "value": value,
        "detail": f"User has been suspended: [{value}].",
        "title": "Forbidden",
        "resource_type": "user",
        "parameter": parameter,
        "resource_id": value,
        "type": f"{PROBLEM}resource-not-found",
    }


def not_authorized(resource: str, parameter: str, value: str, section: str) -> Json:
    """Partial: the author is protected (or, for a post, suspended)."""
    what = "Tweet" if resource == "tweet" else resource
    return {
        "resource_id": value,
        "parameter": parameter,
        "resource_type": resource,
        "section": section,
        "title": "Authorization Error",
        "value": value,
        "detail": f"Sorry, you are not authorized to see the {what} with {parameter}: [{value}].",
        "type": f"{PROBLEM}not-authorized-for-resource",
    }
