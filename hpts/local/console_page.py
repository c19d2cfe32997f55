"""The console of a local run: its port, what it is told, the address with the key."""

from typing import Final
from urllib.parse import urlencode

from hpts.local import ports
from hpts.local.credentials import Credentials

DEFAULT: Final = 8090


def port_for(asked: int | None) -> int:
    """Its port: the default one, or the next free one; any, where the API's was asked to be any."""
    wanted = () if asked == 0 else range(DEFAULT, DEFAULT + 100)
    return next((port for port in wanted if ports.is_free(port)), None) or ports.free_port()


def settings(
    *, port: int, api_url: str, token_url: str, credentials: Credentials
) -> dict[str, str]:
    """What the console is told; the stack's clients may be chosen by whoever has the key."""
    return {
        "HPTS_PORT": str(port),
        "HPTS_CONSOLE_API_URL": api_url,
        "HPTS_CONSOLE_TOKEN_URL": token_url,
        "HPTS_CONSOLE_CLIENTS_FILE": str(credentials.clients_file),
        "HPTS_CONSOLE_KEY_FILE": str(credentials.console_key),
    }


def sign_in_url(console_url: str, credentials: Credentials) -> str:
    """The address with the key: a secret, like local.json, which has it."""
    key = credentials.console_key.read_text("utf-8")
    return f"{console_url}/sign-in?{urlencode({'key': key})}"
