"""The endpoints for the rules of the filtered stream."""

from __future__ import annotations

import json

from sfm.sandbox import problems
from sfm.sandbox.clock import iso
from sfm.sandbox.params import Params
from sfm.sandbox.problems import Json
from sfm.sandbox.routing import APP_ONLY, Call, Route

MAX_PER_PROJECT = 1_000
_RULE_ID = "^[0-9]{1,19}$"


def get_rules(call: Call) -> Json:
    """GET /2/tweets/search/stream/rules"""
    params = Params(call.args, ("ids", "max_results", "pagination_token"))
    rules = call.site.rules.of(call.caller.app)
    if params.text("ids"):
        rule_ids = set(params.many("ids", _RULE_ID, most=1_000))
        rules = [rule for rule in rules if rule.id in rule_ids]
    size = params.whole("max_results", 1, 1_000, 1_000)
    token = params.text("pagination_token") or "0"
    if not token.isdecimal():
        raise problems.invalid("pagination_token", [token], "The token is not valid")
    start = int(token)
    shown = rules[start : start + size]
    meta: Json = {"sent": iso(call.site.clock.now_ms()), "result_count": len(shown)}
    if start + size < len(rules):
        meta["next_token"] = f"{start + size:016d}"
    data = {"data": [rule.as_json() for rule in shown]} if shown else {}
    return {**data, "meta": meta}


def change_rules(call: Call) -> tuple[Json, int] | Json:
    """POST /2/tweets/search/stream/rules"""
    params = Params(call.args, ("dry_run", "delete_all"))
    dry_run = params.text("dry_run") == "true"
    if params.text("delete_all") == "true":
        everything = [rule.id for rule in call.site.rules.of(call.caller.app)]
        return _deleted(call, everything, [], dry_run=dry_run)
    body = _body(call)
    if "add" in body:
        return _added(call, body["add"], dry_run=dry_run)
    to_delete = body["delete"]
    return _deleted(call, to_delete.get("ids", []), to_delete.get("values", []), dry_run=dry_run)


def _added(call: Call, requested: list[Json], *, dry_run: bool) -> tuple[Json, int]:
    made, errors = call.site.rules.add(call.caller.app, requested, dry_run=dry_run)
    summary = {
        "created": len(made),
        "not_created": len(errors),
        "valid": len(made),
        "invalid": len(errors),
    }
    answer: Json = {"data": [rule.as_json() for rule in made]} if made else {}
    answer["meta"] = {"sent": iso(call.site.clock.now_ms()), "summary": summary}
    if errors:
        answer["errors"] = errors
    return answer, 201 if made else 200


def _deleted(call: Call, ids: list[str], values: list[str], *, dry_run: bool) -> Json:
    gone = call.site.rules.delete(call.caller.app, ids, values, dry_run=dry_run)
    missing = max(0, len(set(ids)) + len(set(values)) - len(gone))
    summary = {"deleted": len(gone), "not_deleted": missing}
    answer: Json = {"meta": {"sent": iso(call.site.clock.now_ms()), "summary": summary}}
    if missing:
        problem = problems.invalid_many([{"parameters": {}, "message": "Rule does not exist"}])
        answer["errors"] = [problem.body]
    return answer


def _body(call: Call) -> Json:
    """Either {"add": […]} or {"delete": {…}}, as X's description has them. Raises Refused (400)."""
    try:
        body = json.loads(call.request.get_data() or b"{}")
    except ValueError:
        raise _misshapen({}) from None
    if not isinstance(body, dict):
        raise _misshapen({})
    added, deleted = body.get("add"), body.get("delete")
    fine = (isinstance(added, list) and added and all(map(_is_rule, added))) or (
        isinstance(deleted, dict) and any(_texts(deleted.get(key)) for key in ("ids", "values"))
    )
    if not fine:
        raise _misshapen({key: [] for key in ("add", "delete") if key in body})
    return body


def _is_rule(item: object) -> bool:
    return (
        isinstance(item, dict)
        and isinstance(item.get("value"), str)
        and isinstance(item.get("tag", ""), str)
    )


def _texts(items: object) -> bool:
    return isinstance(items, list) and bool(items) and all(isinstance(i, str) for i in items)


def _misshapen(parameters: Json) -> problems.RefusedRequest:
    message = "JSON doesn't match expected schema"
    return problems.invalid_many([{"parameters": parameters, "message": message}])


def count_rules(call: Call) -> Json:
    """GET /2/tweets/search/stream/rules/counts"""
    Params(call.args, ("rules_count.fields",))
    rules, app = call.site.rules, call.caller.app
    own = rules.counts().get(app, 0)
    app_count = {"client_app_id": app, "rule_count": own}
    return {
        "data": {
            "all_project_client_apps": [app_count],
            "cap_per_client_app": rules.cap,
            "cap_per_project": MAX_PER_PROJECT,
            "client_app_rules_count": app_count,
            "project_rules_count": own,
        }
    }


_PATH = "/2/tweets/search/stream/rules"
ENDPOINTS = (
    Route("GET", _PATH, "rules:get", APP_ONLY, get_rules),
    Route("POST", _PATH, "rules:post", APP_ONLY, change_rules),
    Route("GET", f"{_PATH}/counts", "rules/counts", APP_ONLY, count_rules),
)
