"""X's sign-in side: OAuth 1.0a in three legs, OAuth 2.0 with PKCE, app-only tokens.

Where X asks for a password, the sandbox lets one pick who to be.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from sfm.sandbox.apps import RegisteredApp
from sfm.sandbox.credentials import Credentials
from sfm.sandbox.oauth1 import OAuth1, RequestToken, v1_error
from sfm.sandbox.oauth2 import SCOPES, AuthorizationRequest, OAuth2
from sfm.sandbox.pages import page
from sfm.sandbox.problems import Json
from sfm.sandbox.v1 import account_json
from sfm.sandbox.world.people import Person
from sfm.sandbox.world.world import World

_COOKIE = "sandbox_person"
_MAX_PEOPLE = 300
_SORRY = "Something went wrong"

Answer = Json | Response


class SignIn:
    """The sign-in endpoints and pages of one sandbox."""

    def __init__(
        self,
        world: World,
        app: RegisteredApp,
        credentials: Credentials,
        oauth1: OAuth1,
        oauth2: OAuth2,
    ) -> None:
        self._world = world
        self.app = app
        self._credentials = credentials
        self.oauth1 = oauth1
        self.oauth2 = oauth2
        self._generation = 0
        self._map = Map([*_rules(self._routes())], strict_slashes=False)

    def _routes(self) -> dict[str, Callable[[Request], Answer]]:
        ask, decide = self._ask_oauth1, self._decide_oauth1
        routes: dict[str, Callable[[Request], Answer]] = {
            "POST /oauth/request_token": self._request_token,
            "POST /oauth/access_token": self._access_token,
            "POST /oauth2/token": self._app_token,
            "POST /oauth2/invalidate_token": self._invalidate_app_token,
            "POST /2/oauth2/token": self.oauth2.token,
            "POST /2/oauth2/revoke": self.oauth2.revoke,
            "GET /1.1/account/verify_credentials.json": self._verify,
        }
        for path in ("/oauth/authenticate", "/oauth/authorize", "/i/oauth/authenticate"):
            routes |= {f"GET {path}": ask, f"POST {path}": decide}
        for path in ("/i/oauth2/authorize", "/2/oauth2/authorize"):
            routes[f"GET {path}"] = self._ask_oauth2
            routes[f"POST {path}"] = self._decide_oauth2
        for path in ("/1.1/oauth/invalidate_token", "/oauth/invalidate_token"):
            routes[f"POST {path}"] = routes[f"POST {path}.json"] = self._invalidate
        return routes

    def find(self, request: Request) -> Callable[[Request], Answer] | None:
        """What answers this request, if it belongs to signing in."""
        try:
            route, _ = self._map.bind("").match(request.path, request.method)
        except HTTPException:
            return None
        endpoint: Callable[[Request], Answer] = route
        return endpoint

    # OAuth 1.0a ---------------------------------------------------------------------------

    def _request_token(self, request: Request) -> Response:
        signed = self.oauth1.check(request, needs="app")
        callback = signed.params.get("callback", "")
        if not callback:
            raise v1_error(400, 38, "oauth_callback parameter is missing.")
        token = self.oauth1.begin(callback)
        return _form(
            oauth_token=token.token,
            oauth_token_secret=token.secret,
            oauth_callback_confirmed="true",
        )

    def _ask_oauth1(self, request: Request) -> Response:
        token = self.oauth1.pending(request.args.get("oauth_token", ""))
        if token is None:
            return _no_such_token()
        known = self._remembered(request)
        asks_always = request.path == "/oauth/authorize" or "force_login" in request.args
        if known and not asks_always:
            return self._back_with_verifier(token, known)
        person = self._world.named(request.args.get("screen_name", "")) or known
        hidden = [("oauth_token", token.token)]
        return self._consent(request, hidden, person)

    def _decide_oauth1(self, request: Request) -> Response:
        token = self.oauth1.pending(request.form.get("oauth_token", ""))
        if token is None:
            return _no_such_token()
        person = self._picked(request)
        if request.form.get("decision") != "allow" or person is None:
            self.oauth1.forget(token)
            if token.callback == "oob":
                return _message("You refused", "The app may not use your account.")
            return _redirect(token.callback, {"denied": token.token})
        return self._remember(request, person, self._back_with_verifier(token, person))

    def _back_with_verifier(self, token: RequestToken, person: Person) -> Response:
        verifier = self.oauth1.agree(token, person.uid)
        if token.callback == "oob":
            return _message("Go back to the app", "Give it this PIN.", pin=verifier)
        more = {"oauth_token": token.token, "oauth_verifier": verifier}
        return _redirect(token.callback, more)

    def _access_token(self, request: Request) -> Response:
        signed = self.oauth1.check(request, needs="request")
        token = signed.request_token
        verifier = signed.params.get("verifier") or request.form.get("oauth_verifier", "")
        if token is None or token.person is None or not verifier:
            raise v1_error(401, 89, "Invalid or expired token.")
        if not hmac.compare_digest(verifier.encode(), token.verifier.encode()):
            raise v1_error(401, 32, "Could not authenticate you.")
        self.oauth1.forget(token)
        person = self._world.person(token.person)
        if person is None:
            raise v1_error(401, 89, "Invalid or expired token.")
        access, secret = self.oauth1.access_token(person.uid)
        return _form(
            oauth_token=access,
            oauth_token_secret=secret,
            user_id=str(person.uid),
            screen_name=person.username,
        )

    def _invalidate(self, request: Request) -> Json:
        signed = self.oauth1.check(request, needs="access")
        if signed.uid is not None:
            self.oauth1.invalidate(signed.uid)
        return {"access_token": signed.params["token"]}

    def _verify(self, request: Request) -> Json:
        uid = self.oauth1.check(request, needs="access").uid
        person = self._world.person(uid or 0)
        if person is None or person.state == "deleted":
            raise v1_error(401, 89, "Invalid or expired token.")
        if person.state == "suspended":
            raise v1_error(403, 64, "Your account is suspended and is not permitted to use this.")
        return account_json(self._world, person)

    # OAuth 2.0 ----------------------------------------------------------------------------

    def _ask_oauth2(self, request: Request) -> Response:
        problem = self._what_is_wrong(request.args)
        if problem:
            return _message(_SORRY, f"You cannot give access to the app: {problem}.", 400)
        names = (
            "response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge",
            "code_challenge_method",
        )  # fmt: skip
        hidden = [(name, request.args[name]) for name in names if name in request.args]
        scopes = request.args.get("scope", "").split()
        return self._consent(request, hidden, self._remembered(request), scopes)

    def _decide_oauth2(self, request: Request) -> Response:
        form = request.form
        problem = self._what_is_wrong(form)
        if problem:
            return _message(_SORRY, f"You cannot give access to the app: {problem}.", 400)
        state = {"state": form["state"]} if "state" in form else {}
        person = self._picked(request)
        if form.get("decision") != "allow" or person is None:
            return _redirect(form["redirect_uri"], {"error": "access_denied", **state})
        method = form.get("code_challenge_method", "plain")
        scopes = tuple(form.get("scope", "").split())
        consent = AuthorizationRequest(form["redirect_uri"], scopes, form["code_challenge"], method)
        code = self.oauth2.grant(consent, person.uid)
        back = _redirect(form["redirect_uri"], {**state, "code": code})
        return self._remember(request, person, back)

    def _what_is_wrong(self, params: Json) -> str | None:
        """Why X would not show its consent page for this, in words; None if it would."""
        scopes = params.get("scope", "").split()
        wrong = {
            "the response type is not code": params.get("response_type") != "code",
            "the client id is unknown": params.get("client_id") != self.app.client_id,
            "the callback is not on the app's list": not self.app.may_return_to(
                params.get("redirect_uri", "")
            ),
            "no scope is asked for, or an unknown one": not scopes or not SCOPES.issuperset(scopes),
            "the state is missing or too long": not 1 <= len(params.get("state", "")) <= 500,
            "the code challenge is missing": not params.get("code_challenge"),
            "the challenge method is unknown": params.get("code_challenge_method", "plain")
            not in ("S256", "plain"),
        }
        return next((sentence for sentence, is_wrong in wrong.items() if is_wrong), None)

    # The app itself -----------------------------------------------------------------------

    def _bearer(self) -> str:
        words = f"{self.app.consumer_key} {self.app.consumer_secret} {self._generation}"
        return f"AAAAAAAAAAAAAAAAAAAAA{hashlib.sha256(words.encode()).hexdigest()}"

    def _check_app(self, request: Request) -> None:
        given = request.authorization
        right = (self.app.consumer_key, self.app.consumer_secret)
        if given is None or given.type != "basic" or (given.username, given.password) != right:
            raise v1_error(403, 99, "Unable to verify your credentials")

    def _app_token(self, request: Request) -> Json:
        self._check_app(request)
        if request.form.get("grant_type") != "client_credentials":
            raise v1_error(403, 170, "Missing required parameter: grant_type")
        token = self._bearer()
        self._credentials.add_bearer(token, same_app=True)
        return {"token_type": "bearer", "access_token": token}

    def _invalidate_app_token(self, request: Request) -> Json:
        self._check_app(request)
        token = request.form.get("access_token", "")
        if token != self._bearer():
            raise v1_error(401, 89, "Invalid or expired token.")
        self._credentials.revoke_bearer(token)
        self._generation += 1
        return {"access_token": token}

    # Pages --------------------------------------------------------------------------------

    def _consent(
        self,
        request: Request,
        hidden: list[tuple[str, str]],
        selected: Person | None,
        scopes: list[str] | None = None,
    ) -> Response:
        able = [p for p in self._world.people if p.state in ("active", "protected")]
        people = able[:_MAX_PEOPLE]
        if selected is not None and selected not in people:
            people.insert(0, selected)
        return page(
            "consent.html",
            action=request.path,
            hidden=hidden,
            people=people,
            chosen=selected.uid if selected else None,
            scopes=scopes,
        )

    def _picked(self, request: Request) -> Person | None:
        try:
            person = self._world.find(request.form.get("person", ""))
        except LookupError:
            return None
        return person if person.state in ("active", "protected") else None

    def _remembered(self, request: Request) -> Person | None:
        uid = request.cookies.get(_COOKIE, "")
        return self._world.person(int(uid)) if uid.isdecimal() else None

    def _remember(self, request: Request, person: Person, response: Response) -> Response:
        if request.form.get("remember"):
            response.set_cookie(_COOKIE, str(person.uid), httponly=True, samesite="Lax")
        return response


def _rules(routes: dict[str, Callable[[Request], Answer]]) -> list[Rule]:
    rules = []
    for place, answer in routes.items():
        method, path = place.split(" ")
        rules.append(Rule(path, methods=[method], endpoint=answer))
    return rules


def _form(**values: str) -> Response:
    return Response(urlencode(values), content_type="text/html; charset=utf-8")


def _redirect(address: str, more: dict[str, str]) -> Response:
    query = urlsplit(address).query
    parts = urlsplit(address)._replace(query="&".join(filter(None, (query, urlencode(more)))))
    return Response("", 302, headers={"Location": parts.geturl()})


def _message(title: str, sentence: str, status: int = 200, pin: str = "") -> Response:
    return page("message.html", status, title=title, sentence=sentence, pin=pin)


def _no_such_token() -> Response:
    sentence = "The request token for this page is invalid. It may have been used already, or it "
    return _message("Whoa there!", sentence + "expired. Go back to the app and try again.", 403)
