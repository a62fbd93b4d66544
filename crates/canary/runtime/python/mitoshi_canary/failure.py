"""Two kinds of failure, as CloudWatch has them: the canary failed (its script says so), or it could not be run."""


class ExecutionFailure(Exception):
    """The canary could not be run; the message is a sentence that says what to do."""


def message_of(error) -> str:
    if isinstance(error, BaseException):
        return str(error).strip() or type(error).__name__
    return str(error)


def missing_module(error):
    """Turns "No module named 'x'" into a sentence that says how to install it; other errors give None."""
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return None
    package = error.name.split(".")[0]
    return ExecutionFailure(
        f'the script asks for the module "{error.name}", which is not installed; run: pip install {package} '
        f"(for the Python that runs canaries), or put it in the canary's zip (pip install --target python {package})"
    )
