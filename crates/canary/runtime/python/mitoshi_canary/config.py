"""`synthetics_configuration`: the documented options with AWS's defaults, and a `with_x`/`get_x` pair for each."""

from .log import logger

METRICS = [
    "failed_canary_metric", "failed_requests_metric", "2xx_metric", "4xx_metric", "5xx_metric",
    "aggregated_failed_canary_metric", "aggregated_failed_requests_metric",
    "aggregated_2xx_metric", "aggregated_4xx_metric", "aggregated_5xx_metric",
]
STEP_METRICS = ["step_success_metric", "step_duration_metric"]
AGGREGATED = [name for name in METRICS if name.startswith("aggregated") and "canary" not in name]
REQUEST_METRICS = ["failed_requests_metric", "2xx_metric", "4xx_metric", "5xx_metric", *AGGREGATED]
SCREENSHOTS = ["screenshot_on_step_start", "screenshot_on_step_success", "screenshot_on_step_failure"]
REPORTING = ["include_request_headers", "include_response_headers", "include_request_body", "include_response_body"]

DEFAULTS = {
    **{name: True for name in METRICS + STEP_METRICS + SCREENSHOTS},
    **{name: False for name in REPORTING},
    "continue_on_step_failure": False,
    "continue_on_http_step_failure": True,
    "har_file": True,
    "steps_report": True,
    "include_url_password": False,
    "restricted_headers": [],
    "restricted_url_parameters": [],
    "log_request": True,
    "log_response": True,
}


class SyntheticsConfiguration:
    def __init__(self):
        self.values = dict(DEFAULTS)

    def set_config(self, options):
        self.values.update(_known(options))
        return self

    def get_config(self):
        return dict(self.values)

    def for_step(self, step_config=None):
        """The options of one step: the global ones with the step's own on top."""
        return {**self.values, **_known(step_config)}

    def _set_all(self, names, value):
        self.values.update(dict.fromkeys(names, value))
        return self

    def disable_step_screenshots(self):
        return self._set_all(SCREENSHOTS, False)

    def enable_step_screenshots(self):
        return self._set_all(SCREENSHOTS, True)

    def disable_reporting_options(self):
        return self._set_all(REPORTING, False)

    def enable_reporting_options(self):
        return self._set_all(REPORTING, True)

    def disable_request_metrics(self):
        return self._set_all(REQUEST_METRICS, False)

    def enable_request_metrics(self):
        return self._set_all(REQUEST_METRICS, True)

    def disable_aggregated_request_metrics(self):
        return self._set_all(AGGREGATED, False)

    def enable_aggregated_request_metrics(self):
        return self._set_all(AGGREGATED, True)

    def disable_step_metrics(self):
        return self._set_all(STEP_METRICS, False)

    def enable_step_metrics(self):
        return self._set_all(STEP_METRICS, True)


def _accessors(name):
    def get(self):
        return self.values[name]

    def set_to(self, value=True):
        self.values[name] = value
        return self

    return get, set_to


for _name in DEFAULTS:
    _get, _set = _accessors(_name)
    setattr(SyntheticsConfiguration, f"get_{_name}", _get)
    setattr(SyntheticsConfiguration, f"with_{_name}", _set)


def _known(options):
    taken = {}
    for name, value in (options or {}).items():
        if name not in DEFAULTS:
            logger.warning('the configuration has no option "%s"; it is ignored', name)
        elif isinstance(DEFAULTS[name], list) and not isinstance(value, (list, tuple, set)):
            taken[name] = [value]
        else:
            taken[name] = value
    return taken


def _camel(name):
    first, *rest = name.split("_")
    return first + "".join(word[0].upper() + word[1:] for word in rest)


def metrics_off(values):
    """Names of the metrics that the run does not want, as the Node runtime writes them (camel case)."""
    return [_camel(name) for name in METRICS if values[name] is False]


def step_metrics_off(values):
    return [_camel(name) for name in STEP_METRICS if values[name] is False]


configuration = SyntheticsConfiguration()
