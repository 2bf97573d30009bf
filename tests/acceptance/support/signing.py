"""AliExpress Open Platform signatures.

Upper-case hex of HMAC-SHA256(app secret, message) in UTF-8, where the message is the API path (for
system calls such as `/auth/token/refresh`; business calls to `/sync` have none) followed by the key
and value of every parameter but `sign`, sorted by key, with nothing in between.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from tests.acceptance.support.secrets import Secret


def sign(path_or_method: str, params: Mapping[str, str], app_secret: Secret) -> str:
    """Return the `sign` parameter of a call.

    Args:
        path_or_method: a method name (`aliexpress.trade.ds.order.get`, or the address path `/sync`
            of all methods), which isn't signed itself; or the path of a system call
            (`/auth/token/create`), which is.
        params: every system and business parameter; a `sign` among them is left out.
        app_secret: the application's secret.
    """
    path = path_or_method if "/" in path_or_method and path_or_method != "/sync" else ""
    message = path + "".join(f"{key}{params[key]}" for key in sorted(params) if key != "sign")
    key = app_secret.reveal().encode()
    return hmac.new(key, message.encode(), hashlib.sha256).hexdigest().upper()
