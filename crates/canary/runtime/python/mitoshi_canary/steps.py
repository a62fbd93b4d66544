"""What every step does, whether it drives a browser or makes one HTTP request: log, measure, record, decide on failure."""

import inspect

from .failure import message_of
from .log import logger
from .redact import clean_text
from .run import run


class Done:
    """What a step returned. Can be awaited, since AWS documents `await execute_step(…)`; need not be."""

    def __init__(self, value):
        self.value = value

    def __await__(self):
        return self.value
        yield  # Makes this a generator, as __await__ has to be; it never waits.


def run_step(name, function, options, continue_on_failure, before=None, after=None):
    """Runs `function(step)` as a step: at once when it is a plain function, when awaited if it is a coroutine function."""
    step = run.start_step(name, options)
    logger.info('step %d "%s" starts', step.number, step.name)
    _quietly(before, step)
    try:
        result = function(step)
    except Exception as error:
        return _failed(step, error, continue_on_failure, after)
    if inspect.isawaitable(result) and not isinstance(result, Done):
        return _run_later(step, result, continue_on_failure, after)
    return _passed(step, result, after)


async def _run_later(step, awaitable, continue_on_failure, after):
    try:
        result = await awaitable
    except Exception as error:
        return _failed(step, error, continue_on_failure, after).value
    return _passed(step, result, after).value


def _passed(step, result, after):
    run.end_step(step)
    _quietly(after, step, True)
    run.write_provisional()
    logger.info('step %d "%s" passed in %d ms', step.number, step.name, step.duration_ms)
    return Done(result)


def _failed(step, error, continue_on_failure, after):
    # Screenshots come after the clock has stopped: they are not part of the step's duration.
    run.end_step(step, error)
    _quietly(after, step, False)
    run.write_provisional()
    logger.error('step %d "%s" failed after %d ms: %s', step.number, step.name, step.duration_ms, clean_text(message_of(error), step.options))
    if not continue_on_failure:
        raise error
    return Done(None)


def _quietly(action, *values):
    if action is None:
        return
    try:
        action(*values)
    except Exception as error:
        logger.warning("around the step: %s", message_of(error))
