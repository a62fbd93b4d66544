"""watchtower, the handler of Python's logging that writes to CloudWatch Logs, with only the endpoint set."""

import json
import logging
import threading

import pytest
import watchtower

from conftest import wait_for
from test_log import everything

LINES = 2_000


def new_logger(client, **options):
    """A logger of a test's own, and its handler."""
    handler = watchtower.CloudWatchLogHandler(log_group_name="shop", boto3_client=client, **options)
    logger = logging.Logger("orders")
    logger.addHandler(handler)
    return logger, handler


def test_lines_of_many_threads(server):
    logs = server.aws("logs")
    logger, handler = new_logger(logs, log_stream_name="{logger_name}/{thread_name}", log_group_retention_days=7, send_interval=1, max_batch_count=300)
    names = ("web", "db", "cron")
    # It drops what is said while it makes a stream, so that they are made before.
    for name in names:
        logs.create_log_stream(logGroupName="shop", logStreamName=f"orders/{name}")
    said = {}

    def say(name):
        record = lambda n: logger.makeRecord(logger.name, logging.INFO, __file__, 1, f"{name} %d 注文", (n,), None)
        records = [record(n) for n in range(LINES)]
        said[f"orders/{name}"] = [(int(each.created * 1000), each.getMessage()) for each in records]
        for each in records:
            logger.handle(each)

    threads = [threading.Thread(target=say, args=(name,), name=name) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    handler.close()
    [group] = logs.describe_log_groups(logGroupNamePrefix="shop")["logGroups"]
    assert group["retentionInDays"] == 7
    for stream, lines in said.items():
        found = everything(logs, "shop", logStreamNames=[stream])
        assert [(event["timestamp"], event["message"]) for event in found] == lines


def test_objects_have_fields(server):
    logs = server.aws("logs")
    logger, handler = new_logger(logs, log_stream_name="s", max_message_size=1024 * 1024)
    handler.formatter.add_log_record_attrs = ["levelname"]
    logger.info({"order": {"size": 9000, "of": "ä"}})
    logger.error("cannot write %s", "order 7")
    logger.info("x" * 1_000_000)
    handler.close()
    first, second, third = [json.loads(event["message"]) for event in everything(logs, "shop")]
    assert (first, second) == ({"order": {"size": 9000, "of": "ä"}, "levelname": "INFO"}, {"msg": "cannot write order 7", "levelname": "ERROR"})
    assert third["msg"] == "x" * 1_000_000
    query = logs.start_query(logGroupName="shop", startTime=0, endTime=2**31, queryString="filter order.size > 8000 | fields levelname, order.of")["queryId"]
    answer = wait_for("its end", lambda: (now := logs.get_query_results(queryId=query))["status"] == "Complete" and now)
    [row] = answer["results"]
    assert {each["field"]: each["value"] for each in row if each["field"] != "@ptr"} == {"levelname": "INFO", "order.of": "ä"}


@pytest.mark.parametrize("what", ["server", "stream"])
def test_what_was_there_before(server, what):
    """It gives sequence tokens of before a restart, and makes a stream that was deleted anew."""
    logger, handler = new_logger(server.aws("logs"), log_stream_name="s")
    logger.info("first")
    handler.flush()
    assert handler.sequence_tokens["s"]
    if what == "server":
        server.restart()
        handler.cwl_client = server.aws("logs")
    else:
        server.aws("logs").delete_log_stream(logGroupName="shop", logStreamName="s")
    logger.info("second")
    handler.close()
    found = [event["message"] for event in everything(server.aws("logs"), "shop")]
    assert found == (["first", "second"] if what == "server" else ["second"])
