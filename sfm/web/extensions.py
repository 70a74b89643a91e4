"""Flask's extensions that only pages need, not bound to an app yet.

Apart from `sfm.extensions`, so that commands do not pay for importing them.
"""

from flask_babel import Babel
from flask_htmx import HTMX
from flask_login import LoginManager
from flask_wtf.csrf import CSRFProtect

login_manager = LoginManager()
csrf = CSRFProtect()
htmx = HTMX()
babel = Babel()
