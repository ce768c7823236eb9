"""Structured logs on standard error: one line an event, the interaction's id on every line that belongs to one.

Law: an error's traceback carries no values of variables, for among them are callers' names and numbers, and secrets.
"""

import faulthandler
import logging
import signal
import sys

import structlog

from callcenter.settings import Settings


def silence_logs() -> None:
    """For commands that say themselves what is to be said."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.getLogger().addHandler(logging.NullHandler())


def show_where_it_stands() -> None:
    """On SIGUSR1 print the lines of code where each thread is, on SIGABRT, as a watch sends it, before it ends.

    Written by a signal handler in C: a server whose event loop stands still tells it as well.
    """
    faulthandler.enable(sys.stderr)
    faulthandler.register(signal.SIGUSR1, sys.stderr, all_threads=True)


def configure_logs(settings: Settings) -> None:
    """Set the level and the form; structlog and the standard library go the same way."""
    level = getattr(logging, settings.server.log_level.upper())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    renderer: structlog.typing.Processor
    if settings.server.log_format == "json":
        renderer = structlog.processors.JSONRenderer(ensure_ascii=False)
        without_values = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        shared.append(structlog.processors.ExceptionRenderer(without_values))
    else:
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    # What libraries have to say below a warning is for their own developers.
    root.setLevel(max(level, logging.WARNING))
