"""`/search?q=`: what an id or a reference is, and the way there."""

import re
from typing import Final

from fastapi.responses import RedirectResponse, Response
from markupsafe import Markup

from console.api import Api, Refused
from console.fragments import tag
from console.frame import Visit, draw, heading, page
from console.lists import address

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)


@page("/search", title="Search", section="")
async def search(visit: Visit) -> Response | None:
    """Go to the one place that fits; else say what was tried."""
    text = visit.query.get("q", "").strip()
    found = await _found(visit.session.api, text) if text else None
    if found is not None:
        return RedirectResponse(found, status_code=303)
    heading("Nothing found", f"“{text}” is no loan, entry, borrower, batch or external reference.")
    draw(_advice())
    return None


async def _found(api: Api, text: str) -> str | None:
    if not _UUID.fullmatch(text):
        page = await api.get("/journal-entries", external_ref=text[:255], page_size="1")
        return address("/journal", {"external_ref": text[:255]}) if page["items"] else None
    identifier = text.lower()
    for path, href in (
        (f"/loans/{identifier}", f"/loans/{identifier}"),
        (f"/journal-entries/{identifier}", f"/journal/{identifier}"),
        (f"/accruals/{identifier}", f"/accruals/{identifier}"),
    ):
        if await _exists(api, path):
            return href
    page = await api.get("/loans", borrower_id=identifier, page_size="1")
    return address("/loans", {"borrower_id": identifier}) if page["items"] else None


async def _exists(api: Api, path: str) -> bool:
    try:
        await api.get(path)
    except Refused as refusal:
        if refusal.status == 404:
            return False
        raise
    return True


def _advice() -> Markup:
    return tag(
        "p", "Paste a whole id, or an external reference exactly as it was sent: letter case and "
        "spaces count.",
    )  # fmt: skip
