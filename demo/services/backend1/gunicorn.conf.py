"""How gunicorn runs the service: same file on plain processes and in containers."""

import os

import json_log

bind = f"{os.environ.get('BIND', '127.0.0.1')}:{os.environ.get('PORT', '8082')}"
worker_class = "gthread"
workers = 1
threads = 32  # enough for the demo's traffic when every answer takes 5 s
graceful_timeout = 20  # a release that is replaced answers what it has begun
control_socket_disable = True  # it would be made in the home folder
logconfig_dict = json_log.configuration("Backend #1", {"backend1": "INFO"})
