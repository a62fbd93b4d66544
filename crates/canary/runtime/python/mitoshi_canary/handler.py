"""From the name of a handler to the function: `file.fn` or `folder/file.fn` in one of AWS's layouts."""

import importlib
import os
import sys

from .failure import ExecutionFailure


def load(handler: str, code: str):
    path, _, function_name = handler.rpartition(".")
    if not path or not function_name:
        raise ExecutionFailure(f'the handler "{handler}" is not of the form file.function; set the canary\'s handler, e.g. "index.handler"')
    # `folder.file.fn` is how Lambda writes a module in a package.
    relative = path.replace(".", os.sep) + ".py"
    for folder in (os.path.join(code, "python"), code):
        if os.path.isfile(os.path.join(folder, relative)):
            return _function(folder, relative, function_name, handler)
    there = ", ".join(sorted(os.listdir(code))[:10]) if os.path.isdir(code) else ""
    raise ExecutionFailure(f'the handler "{handler}" needs a file {relative}, which is not in the canary\'s code (it holds: {there or "nothing"}); tried python/{relative}, {relative}')


def _function(folder, relative, function_name, handler):
    # Modules beside the script are found as on AWS, and so is what the zip brings in its root and in python/.
    for path in (folder, os.path.dirname(os.path.join(folder, relative))):
        if path not in sys.path:
            sys.path.insert(0, path)
    try:
        module = importlib.import_module(relative[: -len(".py")].replace(os.sep, "."))
    except SyntaxError as error:
        raise ExecutionFailure(f"the script does not parse: {error}") from error
    function = getattr(module, function_name, None)
    if not callable(function):
        names = ", ".join(name for name in vars(module) if not name.startswith("_")) or "nothing"
        raise ExecutionFailure(f'{relative} has no function "{function_name}" (it has {names}); correct the handler "{handler}" or define it')
    return function
