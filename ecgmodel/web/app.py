"""What the service answers to: the addresses, and what they take and give."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from ecgmodel.web import counters
from ecgmodel.web.guard import Guard
from ecgmodel.web.intake import ANY, MEDIA, MULTIPART, SUFFIXES
from ecgmodel.web.pieces import read_tile
from ecgmodel.web.refusing import Refused
from ecgmodel.web.service import Service
from ecgmodel.web.settings import PIECES, Options, ViewOptions

PAGE = Path(__file__).with_name("page")
LeadList = Annotated[str, Query(pattern=r"^\d{1,3}(,\d{1,3}){0,255}$")]

_SIGNAL: dict[str, Any] = {
    "type": "object",
    "required": ["signal"],
    "additionalProperties": False,
    "properties": {
        "signal": {
            "description": "(samples,) or (samples, leads), null where a sample is missing",
            "anyOf": [
                {"type": "array", "items": {"type": ["number", "null"]}, "minItems": 1},
                {
                    "type": "array",
                    "items": {"type": "array", "items": {"type": ["number", "null"]}},
                    "minItems": 1,
                },
            ],
        },
        "fs": {"type": "number", "minimum": 50, "maximum": 4000, "description": "Hz"},
        "unit": {"type": "string", "enum": ["mV", "uV", "V"], "default": "mV"},
        "leads": {
            "type": "array",
            "items": {"type": "string"},
            "description": "lead names",
        },
    },
}
_FORM = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {"type": "array", "items": {"type": "string", "format": "binary"}, "minItems": 1}
    },
}
_BYTES = {"schema": {"type": "string", "format": "binary"}}
_BODY = {
    "requestBody": {
        "required": True,
        "description": "One recording: a signal, a file, or the files of a WFDB record.",
        "content": {
            **{media: _BYTES for media in (*SUFFIXES, ANY)},
            "application/json": {"schema": _SIGNAL},
            MULTIPART: {"schema": _FORM},
        },
    }
}
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {"type": "string"},
        "needs": {
            "type": "array",
            "items": {"type": "string"},
            "description": "names of the missing options",
        },
    },
}
_SAID = {
    400: "The request cannot be read.",
    401: "The token is missing or wrong.",
    403: "The request comes from a page of another server.",
    408: "The upload took too long.",
    413: "The recording is too large.",
    415: "The file format is not supported.",
    422: "The recording cannot be denoised, or an option is missing.",
    503: "The queue is full.",
    504: "Denoising took too long.",
}
_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "content": {"application/json": {"schema": _ERROR}}}
    for status, text in _SAID.items()
}
_CLEANED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The denoised recording, in the format of the input. JSON also has, "
        "for every 10 s, the signal quality before and after, the estimated input SNR in dB, and "
        "why a section is unreliable.",
        "content": {"application/json": {"schema": {"type": "object"}}, ANY: _BYTES},
    }
}

_COUNTS: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {}}}}


def make_app(service: Service, names: Iterable[str] = (), token: str = "") -> ASGIApp:
    """Return the application around a service.

    Args:
        service: What cleans.
        names: Host names under which it may be asked; see `Guard`.
        token: What a client has to know; "" for none.
    """
    app = FastAPI(
        title="ECG denoiser",
        description="Removes baseline wander, muscle artifact and electrode motion from ECG "
        "recordings. For research use only; not a medical device.",
        version="1",
        docs_url=None,  # its page loads from other servers; ours is docs.html
        redoc_url=None,
    )
    _answer_errors(app)

    @app.post(
        "/denoise",
        response_class=FileResponse,
        responses=_CLEANED | _ERRORS,
        openapi_extra=_BODY,
        summary="Denoise a recording; the answer has the format of the input.",
    )
    async def denoise(request: Request, options: Annotated[Options, Query()]) -> Response:
        return await service.clean(request, options)

    @app.post("/view", include_in_schema=False)
    async def view(request: Request, options: Annotated[ViewOptions, Query()]) -> Response:
        return await service.clean(request, options, view=True)

    @app.head("/health", include_in_schema=False)
    @app.get("/health", summary="State and limits of the service.")
    async def health() -> dict[str, Any]:
        limits = service.limits.model_dump()
        return {"status": "ok", "model": service.model, "here": service.here, "limits": limits}

    @app.get(
        "/metrics",
        response_class=Response,
        responses={**_COUNTS, 401: _ERRORS[401]},
        summary="Metrics for Prometheus.",
    )
    async def counts() -> Response:
        return Response(service.metrics.text(), media_type=counters.MEDIA)

    _show_pieces(app, service)
    _show_page(app, service)
    most = service.limits.megabytes * 1_000_000
    return Guard(app, names=names, token=token, most_bytes=most, metrics=service.metrics)


def _show_pieces(app: FastAPI, service: Service) -> None:
    """Add what the page asks for while it waits, and while it shows a long recording."""

    @app.get("/work/{work}", include_in_schema=False)
    async def step(work: str) -> dict[str, Any]:
        return service.step(work)

    @app.get("/view/{name}", include_in_schema=False)
    async def here(name: str) -> dict[str, Any]:
        service.shelf.get(name)
        return {"status": "ok"}

    @app.delete("/view/{name}", include_in_schema=False)
    async def gone(name: str) -> Response:
        service.shelf.drop(name)
        return Response(status_code=204)

    @app.get("/view/{name}/file", include_in_schema=False)
    async def saved(name: str) -> Response:
        held = service.shelf.get(name)
        file = held.folder / "out" / held.outcome.saved
        media = MEDIA.get(file.suffix.lower(), ANY)
        return FileResponse(file, media_type=media, filename=held.outcome.name)

    @app.get("/view/{name}/{step}/{tile}", include_in_schema=False)
    async def piece(name: str, step: int, tile: int, leads: LeadList) -> Response:
        held = service.shelf.get(name)
        wanted = [int(lead) for lead in leads.split(",")]
        folder, shape = held.folder / "out" / PIECES, held.outcome.shape
        found = await run_in_threadpool(read_tile, folder, step, tile, wanted, shape)
        if found is None:
            raise Refused(404, "The recording has no such piece.")
        return Response(found, media_type=ANY)


def _show_page(app: FastAPI, service: Service) -> None:
    """Add the page."""

    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def page() -> Response:
        return FileResponse(PAGE / "index.html", headers={"Cache-Control": "no-cache"})

    @app.api_route("/docs", methods=["GET", "HEAD"], include_in_schema=False)
    async def docs() -> Response:
        return FileResponse(PAGE / "docs.html", headers={"Cache-Control": "no-cache"})

    @app.get("/example.zip", include_in_schema=False)
    async def example() -> Response:
        return FileResponse(await service.example(), media_type="application/zip")

    app.mount("/page", StaticFiles(directory=PAGE))


def _answer_errors(app: FastAPI) -> None:
    """Let every error be JSON with a message, and nothing of the inside."""

    @app.exception_handler(Refused)
    async def refused(_: Request, error: Refused) -> Response:
        return JSONResponse(error.body, error.status, error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        wrong = (f"{e['loc'][-1]}: {e['msg']}" for e in error.errors())
        return JSONResponse({"error": f"Invalid query parameters. {'. '.join(wrong)}."}, 422)

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> Response:
        return JSONResponse({"error": f"{error.detail}."}, error.status_code, error.headers)

    @app.exception_handler(Exception)
    async def fault(_: Request, __: Exception) -> Response:
        return JSONResponse({"error": "Internal error; see the log of the service."}, 500)
