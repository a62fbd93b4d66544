"""What happens around every request of Backend #2."""

import logging
import time

import json_log

log = logging.getLogger("backend2")


def log_requests(get_response):
    def answer(request):
        started = time.perf_counter()
        response = get_response(request)
        json_log.log_request(log, request.method, request.path, response.status_code, started)
        return response

    return answer
