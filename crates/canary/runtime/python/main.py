"""Runs one canary script once. The contract with the parent process is in ../README.md."""

import asyncio
import inspect
import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True  # The runtime's folder may not be writable.

from mitoshi_canary import browser, environment, handler, log, processes  # noqa: E402
from mitoshi_canary.log import logger  # noqa: E402
from mitoshi_canary.run import run  # noqa: E402

EXIT_CODE = {"EXECUTION_FAILURE": 2, "CANARY_FAILURE": 1}


class Context:
    aws_request_id = environment.RUN_ID
    function_name = f"cwsyn-{environment.NAME}"
    invoked_function_arn = environment.ARN


def main():
    os.environ.setdefault("AWS_REGION", environment.REGION)
    os.makedirs(environment.ARTIFACTS, exist_ok=True)
    processes.end_with_parent()
    run.write_provisional()
    log.take_over()
    signal.signal(signal.SIGTERM, lambda *_: finish(run.timed_out()))
    logger.info("canary %s, run %s, handler %s, Python %s", environment.NAME, environment.RUN_ID, environment.HANDLER, sys.version.split()[0])
    try:
        function = handler.load(environment.HANDLER, environment.CODE)
        result = function({"canaryName": environment.NAME, "canaryRunId": environment.RUN_ID}, Context())
        if inspect.isawaitable(result):
            result = asyncio.run(settle(result))
        if result is not None:
            logger.info("the handler returned %r", result)
        end(None)
    except SystemExit as error:
        end(Exception(f"the script called sys.exit({error.code}); return or raise instead"))
    except BaseException as error:  # Whatever it is, it ends up in the report.
        end(error)


async def settle(awaitable):
    return await awaitable


def end(error):
    for step in list(run.active):
        run.end_step(step, error or "the script ended before the step did; is an await missing?")
    browser.collect_all()
    browser.quit_all()
    finish(run.outcome(error))


def finish(outcome):
    """Also called from the signal's handler, wherever the script is at that moment; so it ends the process by itself."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    browser.finish_open()
    run.write(outcome)
    processes.kill_descendants()
    processes.remove_sockets()
    if outcome["status"] == "PASSED":
        logger.info("the canary passed")
    else:
        logger.error("the canary failed (%s): %s%s", outcome["code"], outcome["reason"], "\n" + outcome["stack"] if outcome.get("stack") else "")
    # Not sys.exit: threads that a script left running would keep the process alive.
    os._exit(EXIT_CODE.get(outcome.get("code"), 0))


if __name__ == "__main__":
    main()
