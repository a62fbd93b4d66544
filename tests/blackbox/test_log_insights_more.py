"""More of Logs Insights: queries over logs as services write them, with the rows that AWS's documentation promises."""

import json
import random
import re
import time
from collections import defaultdict
from datetime import datetime, timezone

import pytest
from botocore.exceptions import ClientError

from conftest import Server
from test_log import make
from test_log_insights import BASE, moment, rows, run

REQUESTS = ["5c9e1a70-0d4b-4d35-9c1f-3f6f3f0f7a01", "5c9e1a70-0d4b-4d35-9c1f-3f6f3f0f7a02"]
TRACE = "1-5759e988-bd862e3fe1be46a994272793"
A1, B2 = {"sku": "A1", "qty": 2}, {"sku": "B2", "qty": 1}
SORTED = ["!:", "#", "*%04", "0#", "5A", "111A", "2345_", "@", "@_", "A", "A9876fghj", "a12345hfh", "0", "1", "2", "3"]
IDS = ["175928847299117063", "175928847299117064", "9007199254740993"]
person = lambda id, tier, city: {"id": id, "tier": tier, "address": {"city": city}}
# Of each group: the stream, and its events as seconds after BASE and the message.
GROUPS = {
    "app": ("i-1", [
        (0, {"level": "INFO", "service": "cart", "status": 200, "ms": 12.5, "bytes": 1024, "user": person("u1", "gold", "Oslo"), "items": [A1, B2], "tags": ["new", "eu"], "account": 123456789012}),
        (30, {"level": "ERROR", "service": "cart", "status": 503, "ms": 1800, "bytes": 0, "user": person("u2", "free", "Rome"), "items": [], "error": {"type": "Timeout", "message": 'upstream "pay" timed out'}}),
        (95, {"level": "WARN", "service": "pay", "status": "429", "ms": "75", "bytes": 512, "user": person("u1", "gold", "Oslo"), "tags": ["eu"], "note": ""}),
        (130, {"level": "INFO", "service": "pay", "status": 201, "ms": 44, "bytes": 2048, "user": person("u3", "free", "Lima"), "items": [{"sku": "A1", "qty": 5}], "a-b": 7, "a": 10, "b": 4, "key with space": "spaced",
               "note": "   "}),
        (310, {"level": "info", "service": "stock", "status": 200, "ms": 1000, "bytes": 100, "user": person("u2", "free", "Rome"), "note": "# no comment | really"}),
        (1900, {"level": "ERROR", "service": "stock", "status": 500, "ms": -5, "bytes": 300, "user": person("u9", "gold", "Oslo"), "error": {"type": "NullPointer", "message": "it's null at C:\\app"}, "path": "/api/v1/stock?id=5"}),
    ]),
    "nginx": ("web", [
        (0, '203.0.113.7 - - [10/Oct/2025:13:55:36 +0000] "GET /index.html HTTP/1.1" 200 2326 "-" "Mozilla/5.0 (X11; Linux)" 0.012'),
        (60, '203.0.113.7 - ann [10/Oct/2025:13:56:36 +0000] "POST /api/orders HTTP/1.1" 201 512 "https://shop.example/" "curl/8.5.0" 0.250'),
        (120, '198.51.100.23 - - [10/Oct/2025:13:57:36 +0000] "GET /api/orders/42 HTTP/1.1" 404 153 "-" "curl/8.5.0" 0.004'),
        (180, '2001:db8::a1 - bob [10/Oct/2025:13:58:36 +0000] "DELETE /api/orders/42 HTTP/1.1" 500 0 "-" "Mozilla/5.0 (Mac)" 1.5'),
    ]),
    "/aws/lambda/checkout": ("2025/11/28/[$LATEST]0123456789abcdef0123456789abcdef", [
        (0, f"START RequestId: {REQUESTS[0]} Version: $LATEST\n"),
        (1, f'2025-11-28T10:00:01.000Z\t{REQUESTS[0]}\tINFO\t{{"orderId":77,"total":19.99}}\n'),
        (2, f"END RequestId: {REQUESTS[0]}\n"),
        (3, f"REPORT RequestId: {REQUESTS[0]}\tDuration: 123.45 ms\tBilled Duration: 124 ms\tMemory Size: 128 MB\tMax Memory Used: 85 MB\tInit Duration: 210.5 ms\t\nXRAY TraceId: {TRACE}\tSegmentId: 0123456789abcdef\tSampled: true\t\n"),
        (60, f"START RequestId: {REQUESTS[1]} Version: $LATEST\n"),
        (63, f"2025-11-28T10:01:03.000Z {REQUESTS[1]} Task timed out after 3.00 seconds\n\n"),
        (64, f"END RequestId: {REQUESTS[1]}\n"),
        (65, f"REPORT RequestId: {REQUESTS[1]}\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\tMemory Size: 128 MB\tMax Memory Used: 90 MB\t\n"),
    ]),
    "java": ("jvm", [
        (0, "2025-11-28 10:00:00,123 ERROR [main] com.shop.Orders - Failed\njava.lang.IllegalStateException: no stock\n\tat com.shop.Orders.place(Orders.java:42)\n\tat com.shop.Main.main(Main.java:7)\n"
            "Caused by: java.io.IOException: closed\n\t... 2 more"),
        (1, "2025-11-28 10:00:01,456 INFO [pool-1] com.shop.Main - started in 35 ms"),
        (2, "2025-11-28 10:00:02,789 ERROR [pool-2] com.shop.Pay - Failed\njava.lang.NullPointerException\n\tat com.shop.Pay.charge(Pay.java:10)"),
    ]),
    "flow": ("eni-0a1b2c3d-all", [
        (0, "2 123456789012 eni-0a1b2c3d 10.0.0.5 10.0.1.9 443 49152 6 10 8400 1700000000 1700000060 ACCEPT OK"),
        (60, "2 123456789012 eni-0a1b2c3d 203.0.113.9 10.0.0.5 40000 22 6 3 180 1700000000 1700000060 REJECT OK"),
        (120, "2 123456789012 eni-0a1b2c3d 10.0.0.5 10.0.1.9 443 49153 6 5 600 1700000060 1700000120 ACCEPT OK"),
        (180, "2 123456789012 eni-0a1b2c3d - - - - - - - 1700000120 1700000180 - NODATA"),
    ]),
    "emf": ("pay", [
        (0, {"_aws": {"Timestamp": BASE * 1000, "CloudWatchMetrics": [{"Namespace": "Shop", "Dimensions": [["Service"]], "Metrics": [{"Name": "Latency", "Unit": "Milliseconds"}]}]}, "Service": "pay", "Latency": 42}),
        (10, {"_aws": {"Timestamp": BASE * 1000 + 10_000, "CloudWatchMetrics": [{"Namespace": "Shop", "Dimensions": [["Service"]], "Metrics": [{"Name": "Latency", "Unit": "Milliseconds"}]}]}, "Service": "cart", "Latency": 7.25}),
    ]),
    "world": ("w", [(0, "日本語のログ: 注文 42"), (1, "Grüße aus Köln ✓"), (2, "emoji 😀 done"), (3, json.dumps({"名前": "太郎", "n": 3, "city": "zürich"}, ensure_ascii=False))]),
    "natural": ("n", [(n, {"v": v}) for n, v in enumerate(sorted(SORTED, key=lambda v: v[::-1]))]),
    "spans": ("t", [
        (0, {"events": [{"name": "exception", "id": 1}, {"name": "user action", "id": 2}], "accounts": [{"type": "internal", "id": "x", "n": 3}, {"type": "external", "id": "y", "n": 4}, {"type": "internal", "id": "x", "n": 5}]}),
        (1, '[{"k": "first"}, {"k": "second"}]'),
        (2, "no JSON"),
        (3, {"payload": '{"inner": {"list": [10, 20, 30]}}', "sci": 0}),
    ]),
    "odd": ("o", [
        (0.123, ' {"s": "\\u00e9\\ttab", "count": 3, "log": "line", "index": 7, "source": "src", "type": "t", "min": 1, "pattern": "p"}\n'),
        (0.987, '{"limit": 9, "by": "b", "as": "a", "stats": "st", "2xx": 5, "labels": {"app.kubernetes.io/name": "shop"}, "$meta": "m", "under_score1": "u"}'),
        (2, '{"deep": {"a": [[1, 2], [3, {"x": "found"}]]}, "zero": 0, "neg": "-0.5", "big": 1234567, "exp": "1e3"}'),
    ]),
    "ids": ("i", [(n, {"id": int(id), "sid": id, "n": n}) for n, id in enumerate(IDS)]),
    "chat": ("c", [
        (0, "user=ann, method:GET, latency := 15"), (1, "user=bob, method:POST, latency := 40"), (2, "user=ann, method:GET, latency := 25"), (3, "user=cy, method:PUT, latency := "), (4, "nothing of that kind"),
        (5, "{'fieldsA': 'logs', 'fieldsB': [{'fA': 'a1'}, {'fA': 'a2'}]}"), (6, "[INFO] ticket #7 (50% done) a|b a.b*c"),
    ]),
}
M = {group: [message if isinstance(message, str) else json.dumps(message, ensure_ascii=False) for _, message in events] for group, (_, events) in GROUPS.items()}
T = [moment(at) for at, _ in GROUPS["app"][1]]
_now = datetime.fromtimestamp(BASE, timezone.utc)
START = {name: f"{_now:%Y}-{month:02}-{day:02} 00:00:00.000" for names, month, day in [
    (("1d", "1day", "1days"), _now.month, _now.day), (("1mo", "1mon", "1month", "1months"), _now.month, 1), (("1q", "1qtr", "1quarter", "1quarters"), (_now.month - 1) // 3 * 3 + 1, 1), (("1y", "1yr", "1year", "1years"), 1, 1)] for name in names}
of = lambda group, *places: [(M[group][place],) for place in places]
LAMBDA = "/aws/lambda/checkout"

CORPUS = [
    # -- how a query is written
    ("app", "fields level|filter status=503|limit 5", [("ERROR",)]),
    ("app", "\n\tfields level,\n\t\tstatus\r\n| filter status = 503\r\n", [("ERROR", "503")]),
    ("app", "FILTER status = 503 AND level LIKE 'ERR' | FIELDS level AS l | SORT l DESC | LIMIT 1", [("ERROR",)]),
    ("app", "filter level IN ['WARN'] OR NOT ispresent(level) | fields level", [("WARN",)]),
    ("app", "stats COUNT(*) AS n BY service | sort service ASC", [("cart", "2"), ("pay", "2"), ("stock", "2")]),
    ("app", "# first a comment | limit 1\nfields level\n# and another ' \" one\n| filter status = 503 # the end", [("ERROR",)]),
    ("app", "fields note | filter note like '# no comment | really'", [("# no comment | really",)]),
    ("app", "fields note | filter note = \"# no comment | really\"", [("# no comment | really",)]),
    ("app", "fields level | fields status | filter status = 503", [("ERROR", "503")]),
    ("app", "filter isPresent(path) | fields strLen(level) as n", [("5",)]),
    ("app", "fields level, status | filter (status>502)", [("ERROR", "503")]),
    ("app", "filter ((status = 503)) | fields ((ms)) as ms2", [("1800",)]),
    ("app", "fields @timestamp, level | filter status = 500", [(T[5], "ERROR")]),
    ("app", "filter status = 500 | display @timestamp, @logStream, @log", [(T[5], "i-1", "000000000000:app")]),
    ("app", "filter status = 500 | display level, ms | display service", [("stock",)]),
    ("app", "display concat(service, ':', status) as both | limit 1", [("stock:500",)]),
    ("app", "fields level | limit 2", [("ERROR",), ("info",)]),
    # -- fields of JSON
    ("app", "fields user.address.city as city | filter status = 503", [("Rome",)]),
    ("app", "fields `user.address.city` as city | filter status = 503", [("Rome",)]),
    ("app", "fields items.0.sku, items.1.qty | filter ispresent(items.1.qty)", [("A1", "1")]),
    ("app", "filter items.0.sku = 'A1' | fields items.0.qty as q", [("5",), ("2",)]),
    ("app", "fields tags.1 as t | filter tags.0 = 'new'", [("eu",)]),
    ("app", "filter ispresent(a) | fields `a-b` as field, a-b as difference, a - b as same", [("7", "6", "6")]),
    ("app", "filter ispresent(a) | fields `key with space`", [("spaced",)]),
    ("app", "fields account | filter ispresent(account)", [("123456789012",)]),
    ("app", "filter account = 123456789012 | fields service", [("cart",)]),
    ("app", "filter account = '123456789012' | fields service", [("cart",)]),
    ("app", "fields error.message as m | filter ispresent(m)", [("it's null at C:\\app",), ('upstream "pay" timed out',)]),
    ("app", "fields ms | filter status = 200 | sort ms", [("12.5",), ("1000",)]),
    ("emf", "fields _aws.CloudWatchMetrics.0.Metrics.0.Name as name, Latency | sort Latency", [("Latency", "7.25"), ("Latency", "42")]),
    ("emf", "filter _aws.CloudWatchMetrics.0.Namespace = 'Shop' | stats avg(Latency) as l by Service | sort l desc", [("pay", "42"), ("cart", "7.25")]),
    ("emf", "fields fromMillis(_aws.Timestamp) as at | sort @timestamp asc", [(moment(0),), (moment(10),)]),
    ("world", "fields `名前` as name | filter ispresent(`名前`)", [("太郎",)]),
    # Of system fields with special characters the @ stands before the backticks.
    ("app", "filter @`aws.tag.aws:cloudformation:stack-name` = 'my-stack' | fields level", []),
    # -- filter
    ("app", "filter status like /5\\d\\d/ | fields status", [("500",), ("503",)]),
    ("app", "filter status like '20' | fields status", [("200",), ("201",), ("200",)]),
    ("app", "filter status =~ '20' | fields status", [("200",), ("201",), ("200",)]),
    ("app", "filter level =~ /^(?i)info$/ | fields level", [("info",), ("INFO",), ("INFO",)]),
    ("app", "filter level like /(?i)INFO/ and level not like /INFO/ | fields level", [("info",)]),
    ("app", "filter level = 'info' | fields status", [("200",)]),
    ("app", "filter path like /\\/api\\/v\\d/ | fields path", [("/api/v1/stock?id=5",)]),
    ("app", "filter path like '/api/v1/stock?id=5' | fields service", [("stock",)]),
    ("app", "filter path like /stock\\?id=\\d$/ | fields service", [("stock",)]),
    ("app", "filter error.message like 'it\\'s null' | fields service", [("stock",)]),
    ("app", 'filter error.message like "it\'s null" | fields service', [("stock",)]),
    ("app", 'filter error.message like "\\"pay\\"" | fields service', [("cart",)]),
    ("app", "filter error.message like '\"pay\"' | fields service", [("cart",)]),
    ("app", "filter error.message like 'C:\\\\app' | fields service", [("stock",)]),
    ("app", "filter error.message like /C:\\\\app$/ | fields service", [("stock",)]),
    ("app", "filter status in [200, 201] | fields status", [("200",), ("201",), ("200",)]),
    ("app", "filter status in ['200', '429'] | fields status", [("200",), ("429",), ("200",)]),
    ("app", "filter service not in ['cart', 'pay'] | fields status", [("500",), ("200",)]),
    ("app", "filter not (service = 'cart' or service = 'pay') | fields status", [("500",), ("200",)]),
    ("app", "filter not service = 'cart' and not service = 'pay' | fields status", [("500",), ("200",)]),
    ("app", "filter service = 'cart' or service = 'pay' and status = 201 | fields status", [("201",), ("503",), ("200",)]),
    ("app", "filter (service = 'cart' or service = 'pay') and status = 201 | fields status", [("201",)]),
    ("app", "filter ms >= 44 and ms < 1000 | fields ms", [("44",), ("75",)]),
    ("app", "filter ms < 0 | fields ms", [("-5",)]),
    ("app", "filter ms = -5 | fields ms", [("-5",)]),
    ("app", "filter ms = 75.0 | fields level", [("WARN",)]),
    ("app", "filter bytes = 0 | fields level", [("ERROR",)]),
    ("app", "filter a > b | fields a, b", [("10", "4")]),
    ("app", "filter bytes / 2 > 500 | fields bytes", [("2048",), ("1024",)]),
    ("app", "filter abs(ms) = 5 | fields ms", [("-5",)]),
    ("app", "filter tolower(level) = 'info' | stats count(*)", [("3",)]),
    ("app", "filter user.tier = 'gold' | filter user.address.city = 'Oslo' | filter user.id != 'u1' | fields user.id", [("u9",)]),
    ("app", "filter level != 'ERROR' and level != 'WARN' | stats count(*)", [("3",)]),
    ("app", "filter ispresent(note) | fields level", [("info",), ("INFO",), ("WARN",)]),
    ("app", "filter isempty(note) | fields status", [("500",), ("429",), ("503",), ("200",)]),
    ("app", "filter isblank(note) | fields status", [("500",), ("201",), ("429",), ("503",), ("200",)]),
    ("app", "filter @message like /\"tier\": \"gold\".*\"city\": \"Oslo\"/ | stats count(*)", [("3",)]),
    ("app", "filter 1 = 1 | stats count(*)", [("6",)]),
    ("java", "filter @message like /Exception/ | fields @message", of("java", 2, 0)),
    ("java", "filter @message like /(?i)nullpointerEXCEPTION/ | fields @message", of("java", 2)),
    ("java", "filter @message like /^Caused by/ | fields @message", []),
    ("java", "filter @message like /(?m)^Caused by/ | fields @message", of("java", 0)),
    ("java", "filter @message like /\\bIOException\\b/ | stats count(*)", [("1",)]),
    ("world", "filter @message like '注文' | fields @message", of("world", 0)),
    ("world", "filter @message like /K.ln/ | fields @message", of("world", 1)),
    ("world", "filter @message like '😀' | fields @message", of("world", 2)),
    ("world", "filter `名前` = '太郎' | fields n", [("3",)]),
    ("chat", "filter @message like '(50% done)' | fields @message", of("chat", 6)),
    ("chat", "filter @message like 'a.b*c' | fields @message", of("chat", 6)),
    ("chat", "filter @message like 'a.bxc' | fields @message", []),
    ("chat", "filter @message like 'a|b' | fields @message", of("chat", 6)),
    ("chat", "filter @message like '#7' | fields @message", of("chat", 6)),
    ("chat", "filter @message like /#7 \\(\\d+% done\\)/ | fields @message", of("chat", 6)),
    ("nginx", "filter @message like ' 404 ' | fields @message", of("nginx", 2)),
    ("nginx", 'filter @message like /"(POST|DELETE) [^"]*" [25]\\d\\d/ | fields @message', of("nginx", 3, 1)),
    # -- sort and limit
    ("natural", "fields v | sort v asc", [(v,) for v in SORTED]),
    ("natural", "fields v | sort v desc", [(v,) for v in SORTED[::-1]]),
    ("natural", "fields v | sort v | limit 3", [("!:",), ("#",), ("*%04",)]),
    ("app", "fields bytes | sort bytes desc | limit 3", [("2048",), ("1024",), ("512",)]),
    ("app", "fields service, bytes | sort service, bytes desc", [("cart", "1024"), ("cart", "0"), ("pay", "2048"), ("pay", "512"), ("stock", "300"), ("stock", "100")]),
    ("app", "fields user.tier as tier, ms | sort tier desc, ms asc", [("gold", "-5"), ("gold", "12.5"), ("gold", "75"), ("free", "44"), ("free", "1000"), ("free", "1800")]),
    ("app", "fields level | sort ms * -1 | limit 1", [("ERROR",)]),
    ("app", "fields status | sort @timestamp asc, status desc | limit 2", [("200",), ("503",)]),
    ("app", "fields status, ms as took | sort took | limit 2", [("500", "-5"), ("200", "12.5")]),
    ("app", "stats sum(bytes) as b by service | sort b asc", [("stock", "400"), ("cart", "1024"), ("pay", "2560")]),
    ("app", "sort ms desc | limit 1 | display level", [("ERROR",)]),
    # -- parse
    ("chat", "parse @message 'user=*, method:*, latency := *' as @user, @method, @latency | filter ispresent(@user) and @latency > 0 | stats avg(@latency) as l by @method, @user | sort l asc",
     [("GET", "ann", "20"), ("POST", "bob", "40")]),
    ("chat", "parse @message 'user=*, method:*, latency := *' as @user, @method, @latency | filter @latency > 20 | display @user, @method", [("ann", "GET"), ("bob", "POST")]),
    ("chat", "parse @message \"'fieldsA': '*', 'fieldsB': ['*']\" as fld, array | display fld | filter ispresent(fld)", []),
    ("chat", "parse @message \"'fieldsA': '*', 'fieldsB': [*]\" as fld, array | filter ispresent(fld) | display fld, array", [("logs", "{'fA': 'a1'}, {'fA': 'a2'}")]),
    ("chat", "parse @message /user=(?<user2>.*?), method:(?<method2>\\w+)/ | filter user2 = 'bob' | display method2, user2", [("POST", "bob")]),
    ("chat", "parse 'method:*,' as how | stats count(*) as n by how | sort n desc, how asc | limit 1", [("3",)]),
    ("chat", "parse @message 'nothing of * kind' as which | filter ispresent(which) | display which", [("that",)]),
    ("chat", "parse @message '[*] ticket #* (*% done)' as kind, id, part | filter part >= 50 | display kind, id, part + 1", [("INFO", "7", "51")]),
    ("chat", "parse @message /latency := (?<took>\\d+)/ | stats count(took) as n, sum(took) as total, max(took) as most", [("3", "80", "40")]),
    ("chat", 'parse @message "[*] *" as loggingType, loggingMessage | filter loggingType in ["ERROR", "INFO"] | display loggingMessage, loggingType = "ERROR" as isError, loggingType = "INFO" as isInfo',
     [("ticket #7 (50% done) a|b a.b*c", "0", "1")]),
    ("nginx", "parse @message '* - * [*] \"* * *\" * * \"*\" \"*\" *' as ip, user, at, verb, path, proto, code, size, ref, agent, took | sort took desc | display ip, user, verb, path, code, size, took",
     [("2001:db8::a1", "bob", "DELETE", "/api/orders/42", "500", "0", "1.5"), ("203.0.113.7", "ann", "POST", "/api/orders", "201", "512", "0.250"),
      ("203.0.113.7", "-", "GET", "/index.html", "200", "2326", "0.012"), ("198.51.100.23", "-", "GET", "/api/orders/42", "404", "153", "0.004")]),
    ("nginx", "parse @message /\" (?<code>\\d{3}) (?<size>\\d+) / | stats count(*) as n, sum(size) as total by floor(code / 100) as class | sort class", [("2", "2", "2838"), ("4", "1", "153"), ("5", "1", "0")]),
    ("nginx", "parse @message '\"* * HTTP' as verb, path | parse path '/api/*/*' as what, id | filter ispresent(id) | display verb, what, id", [("DELETE", "orders", "42"), ("GET", "orders", "42")]),
    ("nginx", "parse @message '* - ' as ip | stats count(*) as n by ip | sort n desc | limit 1", [("203.0.113.7", "2")]),
    ("nginx", "parse @message '* - ' as ip | filter isValidIpv6(ip) | display ip", [("2001:db8::a1",)]),
    ("nginx", "parse @message '* - ' as ip | filter isIpv4InSubnet(ip, '203.0.113.0/24') or isIpv6InSubnet(ip, '2001:0db8::/32') | stats count(*)", [("3",)]),
    ("nginx", "parse @message '* - ' as ip | filter isIpInSubnet(ip, '198.51.100.0/24') | display ip", [("198.51.100.23",)]),
    ("nginx", "parse @message '* - ' as ip | filter not isValidIpv4(ip) | display ip", [("2001:db8::a1",)]),
    ("java", "parse @message /\\((?<file>\\w+\\.java):(?<line>\\d+)\\)/ | filter ispresent(file) | display file, line", [("Pay.java", "10"), ("Orders.java", "42")]),
    ("java", "parse @message '* * * [*] * - Failed' as day, hour, level, thread, class | filter ispresent(class) | display level, thread, class", [("ERROR", "pool-2", "com.shop.Pay"), ("ERROR", "main", "com.shop.Orders")]),
    ("java", "parse @message /(?<exception>\\w+(?:\\.\\w+)*Exception)/ | stats count(*) as n by exception | filter ispresent(exception) | sort exception",
     [("java.lang.IllegalStateException", "1"), ("java.lang.NullPointerException", "1")]),
    ("flow", "parse @message '* * * * * * * * * * * * * *' as v, acct, eni, src, dst, sport, dport, proto, packets, bytes, start, end, action, status | filter status = 'OK' | stats sum(bytes) as b by src, dst | sort b desc",
     [("10.0.0.5", "10.0.1.9", "9000"), ("203.0.113.9", "10.0.0.5", "180")]),
    ("flow", "parse @message /(?<NetworkInterface>eni-.*?) / | display NetworkInterface | limit 1", [("eni-0a1b2c3d",)]),
    (LAMBDA, "filter @message like 'REPORT' | parse @message /Duration: (?<d>\\S+) ms\\s+Billed Duration: (?<bd>\\S+) ms/ | stats sum(d) as took, sum(bd) as billed", [("3123.45", "3124")]),
    (LAMBDA, "filter @message like /Task timed out/ | stats count(*) as timeouts", [("1",)]),
    (LAMBDA, f"filter @message like '{REQUESTS[1]}' | stats count(*) as n", [("4",)]),
    ("world", "parse @message '*: *' as what, rest | filter ispresent(rest) and what like '日' | display what, rest", [("日本語のログ", "注文 42")]),
    ("app", "parse @message '\"city\": \"*\"' as city | stats count(*) as n by city | sort n desc, city", [("Oslo", "3"), ("Rome", "2"), ("Lima", "1")]),
    ("app", 'parse @message "\\"city\\": \\"*\\"" as city | stats count(*) as n by city | sort n desc, city', [("Oslo", "3"), ("Rome", "2"), ("Lima", "1")]),
    ("app", "parse error.message '* \"*\" *' as a1, a2, a3 | filter ispresent(a2) | display a1, a2, a3", [("upstream", "pay", "timed out")]),
    # -- stats
    ("app", "stats count(*), count(error.type), count(nothing)", [("6", "2", "0")]),
    ("app", "stats sum(ms) as s, avg(ms) as a, min(ms) as lo, max(ms) as hi", [("2926.5", "487.75", "-5", "1800")]),
    # Aggregates in arithmetic, in functions, and names of earlier ones.
    ("app", "stats max(ms) as hi, min(ms) as lo, hi - lo as spread", [("1800", "-5", "1805")]),
    ("app", "stats sum(bytes) / 1024 as kb by service | sort service", [("cart", "1"), ("pay", "2.5"), ("stock", "0.3906")]),
    ("app", "stats sum(ms) / count(*) as mean, avg(ms) as same", [("487.75", "487.75")]),
    ("app", "stats floor(avg(ms)) as f, abs(min(ms) - max(ms)) as d", [("487", "1805")]),
    ("app", "stats concat(min(ms), ' to ', max(ms)) as span", [("-5 to 1800",)]),
    ("app", "fields strlen(level) as l | stats sum(l)*100/4 as mb by bin(5m) | stats max(mb) as peak, min(mb) as least, count(*) as n", [("425", "100", "3")]),
    ("app", "stats sum(level = 'ERROR') / count(*) * 100 as rate", [("33.3333",)]),
    ("app", "stats max(bytes) - min(bytes) as range by service | sort service", [("cart", "1024"), ("pay", "1536"), ("stock", "200")]),
    ("app", "stats (sum(ms) + sum(bytes)) / 10 as x, ceil(max(ms) / 7) as c", [("691.05", "258")]),
    ("app", "stats coalesce(sum(nothing), 0) as z, count(*) as n", [("0", "6")]),
    # Until here.
    ("app", "stats avg(bytes * 2) as double, max(strlen(level)) as longest", [("1328", "5")]),
    ("app", "stats count(*) as n by tolower(level) as l | sort n desc, l asc", [("info", "3"), ("error", "2"), ("warn", "1")]),
    ("app", "stats count(*) as n by level, service | sort level, service", [("ERROR", "cart", "1"), ("ERROR", "stock", "1"), ("INFO", "cart", "1"), ("INFO", "pay", "1"), ("WARN", "pay", "1"), ("info", "stock", "1")]),
    ("app", "stats count_distinct(user.id) as users, count_distinct(user.address.city) as cities", [("4", "3")]),
    ("app", "stats count_distinct(status) as n by service | sort service", [("cart", "2"), ("pay", "2"), ("stock", "2")]),
    ("app", "stats earliest(ms) as first, latest(ms) as last", [("12.5", "-5")]),
    ("app", "stats earliest(status) as first, latest(status) as last by service | sort service", [("cart", "200", "503"), ("pay", "429", "201"), ("stock", "200", "500")]),
    ("app", "stats earliest(note) as first", [("",)]),
    ("app", "stats sortsFirst(service) as first, sortsLast(service) as last", [("cart", "stock")]),
    ("natural", "stats sortsFirst(v) as first, sortsLast(v) as last", [("!:", "3")]),
    ("app", "stats pct(bytes, 0) as lo, pct(bytes, 100) as hi", [("0", "2048")]),
    ("app", "filter status = 503 | stats pct(ms, 95) as p, stddev(ms) as s", [("1800", "0")]),
    ("app", "stats count(*) as n by bin(1m) | sort n desc, `bin(1m)` asc | limit 2", [(moment(0), "2"), (moment(60), "1")]),
    ("app", "stats count(*) as n by bin(5m) as t | sort t asc", [(moment(0), "4"), (moment(300), "1"), (moment(1800), "1")]),
    ("app", "stats count(*) as n by bin(30s) as t | sort t | limit 3", [(moment(0), "1"), (moment(30), "1"), (moment(90), "1")]),
    ("app", "stats count(*) as n by service, bin(1h) as t | sort service", [("cart", moment(0), "2"), ("pay", moment(0), "2"), ("stock", moment(0), "2")]),
    ("app", "stats count(*) as n by datefloor(@timestamp, 10m) as t | sort t", [(moment(0), "5"), (moment(1800), "1")]),
    *(("app", f"stats count(*) as n by bin({unit}) as t | sort t asc", [(moment(0), "6")]) for unit in ("1hr", "1hour", "1hours", "60m", "60min", "60minutes")),
    *(("app", f"stats count(*) as n by bin({unit}) as t | sort t asc | limit 2", [(moment(0), "2"), (moment(60), "1")]) for unit in ("60s", "60sec", "60seconds", "1minute", "1min", "60000ms", "60000msec", "60000milliseconds")),
    *(("app", f"filter status = 200 | stats count(*) as n by bin({unit}) as t | stats max(t) as t", [(START[unit],)]) for unit in START),
    # All units and abbreviations of several letters, in the plural.
    *(("app", f"stats count(*) as n by bin({unit}) as t | sort t asc | limit 1", [(moment(0), n)]) for unit, n in (("1hrs", "6"), ("60mins", "6"), ("60secs", "2"), ("60000msecs", "2"))),
    *(("app", f"filter status = 200 | stats count(*) as n by bin({unit}) as t | stats max(t) as t", [(START[unit[:-1]],)]) for unit in ("1mons", "1qtrs", "1yrs")),
    ("app", "fields datefloor(@timestamp, 10mins) as f, dateceil(@timestamp, 1hrs) as c | filter status = 500", [(moment(1800), moment(3600))]),
    ("app", "stats count(*) by bin(1d) | stats count(*) as days", [("1",)]),
    ("app", "stats count(*) by bin(1qtr) as q | stats count(*) as quarters", [("1",)]),
    ("app", "stats sum(bytes) as b by service | filter b > 1000 | stats count(*) as n, max(b) as most", [("2", "2560")]),
    ("app", "stats count(*) as n by service, level | stats max(n) as m, count(*) as k by service | sort service", [("cart", "1", "2"), ("pay", "1", "2"), ("stock", "1", "2")]),
    ("app", "stats sum(ms) as s by service | fields s * 2 as d | sort d | display service, d | limit 1", [("pay", "238")]),
    ("app", "stats count(*) as n by service | filter n > 5", []),
    ("app", "stats count(*) as n by service | sort n desc, service desc | limit 2", [("stock", "2"), ("pay", "2")]),
    ("app", "filter level = 'ERROR' | stats count(*) as errors, avg(ms) as a", [("2", "897.5")]),
    ("app", "stats sum(level = 'ERROR') as errors, sum(status >= 500) as bad by user.tier as tier | sort tier", [("free", "1", "1"), ("gold", "1", "1")]),
    ("app", "stats avg(level) as a, count(*) as n", [("6",)]),
    ("app", "stats max(@timestamp) as newest by service | sort newest desc | limit 1", [("stock", T[5])]),
    # -- dedup and unnest
    ("app", "fields user.id | dedup user.id", [("u9",), ("u2",), ("u3",), ("u1",)]),
    ("app", "fields @timestamp, service, level | sort @timestamp desc | dedup service", [(T[5], "stock", "ERROR"), (T[3], "pay", "INFO"), (T[1], "cart", "ERROR")]),
    ("app", "fields service, ms | sort ms asc | dedup service | limit 2", [("stock", "-5"), ("cart", "12.5")]),
    ("app", "fields service, status | dedup nothing", [("stock", "500"), ("stock", "200"), ("pay", "201"), ("pay", "429"), ("cart", "503"), ("cart", "200")]),
    ("app", "fields service, error.type as e | dedup service, e", [("stock", "NullPointer"), ("stock",), ("pay",), ("pay",), ("cart", "Timeout"), ("cart",)]),
    ("spans", "fields jsonParse(@message) as json_message | unnest json_message.events into event | filter ispresent(event.name) | display event.name", [("exception",), ("user action",)]),
    ("spans", "fields jsonParse(@message) as js | unnest js.accounts into account | filter account.type = 'internal' | display account.n", [("3",), ("5",)]),
    ("spans", "fields jsonParse(@message) as js | unnest js.accounts into account | filter ispresent(account.id) | stats sum(account.n) as n by account.id as id | sort n desc", [("x", "8"), ("y", "4")]),
    # Anything that is no list is a list of one.
    ("app", "unnest level into l | stats count(*) as n by l | sort n desc, l | limit 2", [("ERROR", "2"), ("INFO", "2")]),
    # -- structures
    # Members of an element of a list that jsonParse gave.
    ("spans", "fields jsonParse(@message) as j | filter ispresent(j[0].k) | display j[0].k, j[1].k", [("first", "second")]),
    ("spans", "fields jsonParse(payload) as p | filter ispresent(p) | display p.inner.list[1]", [("20",)]),
    ("spans", "fields jsonParse(payload) as p | filter p.inner.list[2] > 20 | display p.inner.list[0] + 1 as one", [("11",)]),
    ("spans", "fields jsonParse(payload) as p | filter ispresent(p.inner) | display jsonStringify(p.inner) as text", [('{"list":[10,20,30]}',)]),
    ("spans", "fields jsonParse(payload) as p, jsonStringify(p.inner.list) as text | filter ispresent(text) | display text", [("[10,20,30]",)]),
    ("app", "fields jsonParse(@message) as j | stats count() as n by j.service | sort n desc, j.service", [("cart", "2"), ("pay", "2"), ("stock", "2")]),
    # Members with special characters stand in backticks after the point.
    ("app", "fields jsonParse(@message) as j | filter ispresent(j.a) | display j.`a-b`, j.`key with space`", [("7", "spaced")]),
    # -- functions
    ("app", "fields abs(ms) as a, ceil(-1.5) as c, floor(-1.5) as f | filter ms < 0", [("5", "-1", "-2")]),
    ("app", "fields 10 % 3 as m, 2 ^ 3 as p, 7 / 2 as q, 1 / 3 as t | limit 1", [("1", "8", "3.5", "0.3333")]),
    ("app", "fields 10 - 4 - 3 as l, 2 * (3 + 4) as p, 100 / 10 / 5 as d, -2 + 5 as u | limit 1", [("3", "14", "2", "3")]),
    ("app", "fields 2 + 3 * 2 ^ 2 as x | limit 1", [("14",)]),
    ("app", "fields greatest(bytes, ms, status) as g, least(bytes, ms, status) as l | filter status = 500", [("500", "-5")]),
    ("app", "fields sqrt(2) as r, log(10) as l | limit 1", [("1.4142", "2.3026")]),
    ("app", "fields ltrim('xyZxyfooxyZ', 'xyZ') as l, rtrim('xyZfooxyxyZ', 'xyZ') as r, trim('xyZxyfooxyxyZ', 'xyZ') as t | limit 1", [("fooxyZ", "xyZfoo", "foo")]),
    ("app", "fields substr('xyZfooxyZ', 3, 3) as s, substr('xyZfooxyZ', 6) as e, replace('foo', 'o', '0') as r | limit 1", [("foo", "xyZ", "f00")]),
    ("app", "fields strcontains(service, 'toc') as y, strcontains(service, 'TOC') as n | limit 1", [("1", "0")]),
    ("app", "fields concat('a', 1, '-', service) as c | limit 1", [("a1-stock",)]),
    ("app", "fields coalesce(path, error.type, 'none') as c | limit 3", [("/api/v1/stock?id=5",), ("none",), ("none",)]),
    ("app", "fields strlen('') as zero, strlen(service) as five | limit 1", [("0", "5")]),
    ("app", "fields isempty(nothing) as e, isblank(nothing) as b, ispresent(nothing) as p | limit 1", [("1", "1", "0")]),
    ("app", "fields isValidIp('10.0.0.256') as a, isValidIp('::1') as b, isValidIpv6('10.0.0.1') as c, isValidIpv4('10.0.0.1') as d | limit 1", [("0", "1", "0", "1")]),
    ("app", "fields isIpv4InSubnet('192.168.1.77', '192.168.1.64/26') as a, isIpv4InSubnet('192.168.1.130', '192.168.1.64/26') as b, isIpInSubnet('2001:db8::1', '2001:db8::/32') as c | limit 1", [("1", "0", "1")]),
    ("world", "fields strlen(@message) as n | sort @timestamp asc | limit 3", [("13",), ("16",), ("12",)]),
    ("world", "fields toupper(city) as up, tolower('ÄÖ') as low | filter ispresent(city)", [("ZÜRICH", "äö")]),
    ("world", "fields substr(@message, 0, 3) as s | sort @timestamp asc | limit 3", [("日本語",), ("Grü",), ("emo",)]),
    ("world", "fields substr(@message, 6, 1) as s | filter @message like 'emoji'", [("😀",)]),
    ("world", "fields replace(@message, '😀', ':)') as s | filter @message like 'emoji'", [("emoji :) done",)]),
    ("app", "fields datefloor(@timestamp, 5m) as f, dateceil(@timestamp, 5m) as c, bin(30m) as b | filter status = 500", [(moment(1800), moment(2100), moment(1800))]),
    ("app", "fields toMillis(@timestamp) - toMillis(datefloor(@timestamp, 1h)) as into | filter status = 500", [("1900000",)]),
    ("app", f"filter @timestamp < fromMillis({(BASE + 31) * 1000}) | fields status", [("503",), ("200",)]),
    ("app", f"filter toMillis(@timestamp) = {(BASE + 30) * 1000} | fields status", [("503",)]),
    ("app", "fields now() * 1000 >= toMillis(@timestamp) as past | limit 1", [("1",)]),
    # -- odd names and values
    ("odd", "fields s, count, log, index, source, type, min, pattern | filter count = 3", [("é\ttab", "3", "line", "7", "src", "t", "1", "p")]),
    ("odd", "filter log = 'line' and source like 'sr' and min < 2 | stats count(*) as n by type, index", [("t", "7", "1")]),
    ("odd", "filter `limit` = 9 | fields `limit`, `by`, `as` as `a s`, `stats`", [("9", "b", "a", "st")]),
    ("odd", "fields `2xx` as x, `labels.app.kubernetes.io/name` as y, `$meta` as z, under_score1 | filter ispresent(x)", [("5", "shop", "m", "u")]),
    ("odd", "stats sum(`2xx`) as `Sum of 2xx`, count(*) as n by @logStream | sort `Sum of 2xx` desc", [("o", "5", "3")]),
    ("odd", "fields deep.a.0.1 as x, deep.a.1.1.x as y | filter ispresent(x)", [("2", "found")]),
    ("odd", "fields @timestamp | sort @timestamp asc | limit 2", [(moment(0)[:-3] + "123",), (moment(0)[:-3] + "987",)]),
    ("odd", "fields bin(100ms) as a, bin(500ms) as b, bin(1s) as c | sort @timestamp asc | limit 2", [(moment(0)[:-3] + "100", moment(0), moment(0)), (moment(0)[:-3] + "900", moment(0)[:-3] + "500", moment(0))]),
    ("odd", "stats count(*) as n by bin(1s) as t | sort t", [(moment(0), "2"), (moment(2), "1")]),
    ("odd", "filter ispresent(zero) | fields zero + 1 as a, neg * 2 as b, big * 10 as c, exp + 1 as d", [("1", "-1", "12345670", "1001")]),
    ("odd", "filter zero = 0 and neg < 0 and exp > 999 | stats count(*)", [("1",)]),
    ("app", "filter account > 123456789011 and account < 123456789013 | stats count(*)", [("1",)]),
    ("app", "filter status > '500' | fields status", [("503",)]),
    ("app", "fields ms * 2 as d, greatest(ms, 10) as g | filter status = 429", [("150", "75")]),
    ("app", "fields nothing + 1 as x, level | filter status = 503", [("ERROR",)]),
    ("app", "filter nothing + 1 > 0 | fields level", []),
    ("app", "fields coalesce(note, 'none') as c | filter status = 429", [("",)]),
    ("app", "fields concat(substr(toupper(level), 0, 1), tolower(substr(level, 1))) as l | filter status = 503", [("Error",)]),
    ("app", "fields strlen(replace(trim(concat('  ', service, ' ')), 's', '')) as l | filter status = 500", [("4",)]),
    ("app", "stats count_distinct(error.type) as e, count_distinct(nothing) as n", [("2", "0")]),
    ("app", "filter status != 429 | stats pct(bytes, 50) as p", [("300",)]),
    ("app", "filter isempty(note) or isblank(note) | stats count(*)", [("5",)]),
    ("app", "filter level in ['ERROR', 'WARN'] and service in ['pay'] | fields status", [("429",)]),
    ("java", "filter @message like /(?s)Failed.*Caused by/ | fields @message", of("java", 0)),
    ("java", "filter @message like /Failed.*Caused by/ | fields @message", []),
    ("java", "filter @message like /Failed\\njava\\.lang\\.Null/ | fields @message", of("java", 2)),
    ("spans", "fields jsonParse(payload) as p | unnest p.inner.list into x | filter x >= 20 | display x", [("20",), ("30",)]),
    ("spans", "fields jsonParse(payload) as p, 'kept' as k | unnest p.inner.list into x | filter x = 10 | display x, k", [("10", "kept")]),
    ("chat", "parse @message 'user=*,' as who | filter ispresent(who) | pattern who | stats sum(@sampleCount) as n", [("4",)]),
    # Numbers, and texts that look like numbers, of more than 53 bits.
    ("ids", f"filter sid = '{IDS[0]}' | fields sid", [(IDS[0],)]),
    ("ids", f"filter sid != '{IDS[0]}' | fields sid", [(IDS[2],), (IDS[1],)]),
    ("ids", f"filter sid in ['{IDS[0]}'] | fields sid", [(IDS[0],)]),
    ("ids", f"filter id = {IDS[0]} | fields n", [("0",)]),
    ("ids", f"parse @message '\"sid\": \"*\"' as s | filter s = '{IDS[1]}' | display s", [(IDS[1],)]),
    ("ids", "fields id | sort @timestamp asc", [(id,) for id in IDS]),
    ("ids", "fields concat(id, '!') as c | sort @timestamp asc | limit 1", [(IDS[0] + "!",)]),
    ("ids", "fields jsonParse(@message) as j | sort @timestamp asc | display j.id", [(id,) for id in IDS]),
    ("ids", "stats count(*) as n by id | sort n desc | stats max(n) as most, count(*) as ids", [("1", "3")]),
    ("ids", "stats count_distinct(id) as n", [("3",)]),
    ("ids", "fields id, n | dedup id | limit 5", [(IDS[2], "2"), (IDS[1], "1"), (IDS[0], "0")]),
    ("ids", "fields sid | sort sid asc", [(IDS[2],), (IDS[0],), (IDS[1],)]),
    ("ids", "stats min(sid) as least, max(sid) as most", [(IDS[2], IDS[1])]),
    # Until here.
    ("ids", "stats count_distinct(sid) as n, latest(sid) as l", [("3", IDS[2])]),
    ("ids", "stats count(*) as n by sid | sort n desc | stats max(n) as most, count(*) as ids", [("1", "3")]),
    # Fields in logs of Lambda (groups /aws/lambda/…) and flow logs, by documented names.
    *((LAMBDA, query, expected) for query, expected in [
        ("filter @type = 'REPORT' | fields @requestId, @duration, @billedDuration | sort @duration", [(REQUESTS[0], "123.45", "124"), (REQUESTS[1], "3000", "3000")]),
        ("stats count(*) as n by @type | filter ispresent(@type) | sort @type", [("END", "2"), ("REPORT", "2"), ("START", "2")]),
        ("filter @type = 'REPORT' | stats max(@memorySize / 1000 / 1000) as provisioned, min(@maxMemoryUsed / 1000 / 1000) as least, avg(@maxMemoryUsed / 1000 / 1000) as mean, max(@maxMemoryUsed / 1000 / 1000) as most, provisioned - most as over",
         [("128", "85", "87.5", "90", "38")]),
        ("filter @type = 'REPORT' | stats avg(@duration), max(@duration), min(@duration) by bin(5m)", [(moment(0), "1561.725", "3000", "123.45")]),
        ("filter ispresent(@initDuration) | fields @initDuration, @xrayTraceId, @xraySegmentId", [("210.5", TRACE, "0123456789abcdef")]),
        (f"filter @requestId = '{REQUESTS[0]}' and @type = 'START' | stats count(*)", [("1",)]),
        ("filter orderId = 77 | fields total", [("19.99",)]),
    ]),
    ("flow", "stats sum(packets) as packetsTransferred by srcAddr, dstAddr | filter srcAddr like '.' | sort packetsTransferred desc | limit 15", [("10.0.0.5", "10.0.1.9", "15"), ("203.0.113.9", "10.0.0.5", "3")]),
    ("flow", "filter action = 'REJECT' | stats count(*) as numRejections by srcAddr | sort numRejections desc | limit 20", [("203.0.113.9", "1")]),
    ("flow", "filter isIpv4InSubnet(srcAddr, '10.0.0.0/24') and dstPort = 49153 | fields bytes, protocol, interfaceId, logStatus", [("600", "6", "eni-0a1b2c3d", "OK")]),
]


def test_there_are_enough():
    assert len(CORPUS) >= 230 and len({case[:2] for case in CORPUS}) == len(CORPUS)


@pytest.fixture(scope="module", params=["in memory", "in parts"])
def logs(request, tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("insights") / "data").start()
    logs = server.aws("logs")
    for group, (stream, events) in GROUPS.items():
        make(logs, group, stream)
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=[{"timestamp": round((BASE + at) * 1000), "message": M[group][n]} for n, (at, _) in enumerate(events)])
    if request.param == "in parts":
        server.restart()
        logs = server.aws("logs")
    yield logs
    server.kill()


@pytest.mark.parametrize("group, query, expected", CORPUS, ids=[f"{group}: {query}"[:110] for group, query, _ in CORPUS])
def test_a_query_finds_what_it_should(logs, group, query, expected):
    answer = run(logs, query, logGroupName=group)
    assert answer["status"] == "Complete"
    assert [tuple(value for _, value in row) for row in rows(answer)] == expected


@pytest.mark.parametrize("query, fields", [
    ("limit 1", ["@timestamp", "@message"]),
    ("fields level, ms as took, ms * 2 | limit 1", ["level", "took", "ms * 2"]),
    ("fields level | fields ms | limit 1", ["level", "ms"]),
    ("fields path, level, tags.0 | sort @timestamp asc | limit 1", ["level", "tags.0"]),
    ("filter ispresent(path) | fields strlen(path), concat(level, '!') as loud", ["strlen(path)", "loud"]),
    ("stats count(*), sum(bytes) as b, avg(ms) by service | sort service | limit 1", ["service", "count(*)", "b", "avg(ms)"]),
    ("stats count(*) as n by bin(1h), service | limit 1", ["bin(1h)", "service", "n"]),
    ("fields level | parse @message '\"city\": \"*\"' as city | limit 1", ["level", "city"]),
])
def test_names_of_fields(logs, query, fields):
    [row] = run(logs, query, logGroupName="app")["results"]
    assert [field["field"] for field in row if field["field"] != "@ptr"] == fields
    assert all(isinstance(field["value"], str) for field in row) and ("@ptr" in [field["field"] for field in row]) == ("stats" not in query)


# A query, and between which characters AWS's users would look for what is wrong.
@pytest.mark.parametrize("query, first, last", [
    ("foo @message", 0, 3), ("fields @message | foo", 18, 21), ("fields @message | filter", 18, 24), ("fields", 0, 6), ("display", 0, 7),
    ("stats", 0, 5), ("sort", 0, 4), ("parse", 0, 5), ("dedup", 0, 5), ("unnest", 0, 6), ("limit", 0, 5), ("limit -1", 6, 8), ("limit 1.5", 6, 9), ("limit ten", 6, 9), ("limit 5 5", 6, 9),
    ("filter level = = 'x'", 15, 17), ("filter level 'x'", 13, 16), ("filter = 'x'", 7, 8), ("filter level = 'x')", 18, 19), ("filter ((level = 'x')", 7, 21), ("filter level in 'x'", 16, 19), ("filter level in ['x'", 16, 20),
    ("filter level in [", 16, 17), ("filter level not 'x'", 13, 20), ("filter level and", 13, 16), ("filter or level", 7, 15), ("filter level like", 13, 17), ("filter level like 5 5", 18, 21), ("filter level like /a(/", 18, 22),
    ("filter level =~ /abc", 16, 20), ("filter level = \"open", 15, 20), ("fields `open", 7, 12), ("fields level as", 13, 15), ("fields level as 'x y' z", 13, 23), ("fields level,", 12, 13), ("fields level,,ms", 13, 14), ("fields ms +", 10, 11),
    ("fields ms + * 2", 12, 13), ("fields (ms", 7, 10), ("fields ms)", 9, 10), ("fields nosuch(ms)", 7, 17), ("fields strlen(level, ms)", 7, 24), ("fields substr(level)", 7, 20), ("fields replace(level, 'a')", 7, 26), ("fields isIpInSubnet(ip)", 7, 23),
    ("fields abs()", 7, 12), ("fields now(1)", 7, 13), ("fields datefloor(@timestamp)", 7, 28), ("fields datefloor(@timestamp, 5)", 7, 31), ("fields bin()", 7, 12), ("fields avg(ms)", 7, 14), ("filter count(*) > 1", 7, 19),
    ("stats level", 6, 11), ("stats count(*) by", 15, 17), ("stats count(*) group by level", 15, 29), ("stats count(*) as", 15, 17), ("stats count_distinct()", 6, 22), ("stats pct(ms)", 6, 13), ("stats pct(ms, 'x')", 6, 18), ("stats sum()", 6, 11), ("stats sum(*)", 6, 12),
    ("stats count(*) by bin(1x)", 18, 25), ("stats sum(avg(ms))", 6, 18), ("sort level sideways", 11, 19), ("sort level asc desc", 15, 19), ("parse @message 'a *'", 15, 20), ("parse @message 'a *' as", 21, 23), ("parse @message 'a * b' as x, y", 15, 30),
    ("parse @message 'nothing' as x", 15, 29), ("parse @message /(?<x>a/", 15, 23), ("unnest items", 7, 12), ("unnest items into", 13, 17), ("pattern", 0, 7), ("SOURCE", 0, 6),
])
def test_what_cannot_be_understood_is_told_where(logs, query, first, last):
    with pytest.raises(ClientError) as refused:
        logs.start_query(logGroupName="app", startTime=BASE, endTime=BASE + 60, queryString=query)
    response = refused.value.response
    assert response["Error"]["Code"] == "MalformedQueryException" and response["Error"]["Message"], response
    error = response["queryCompileError"]
    assert first <= error["location"]["startCharOffset"] <= last and error["location"]["startCharOffset"] <= error["location"]["endCharOffset"] <= len(query) and error["message"], response


def test_ten_thousand_rows_unless_a_limit_is_named(server):
    logs = server.aws("logs")
    make(logs, "many", "s")
    for at in (0, 5_100):
        logs.put_log_events(logGroupName="many", logStreamName="s", logEvents=[{"timestamp": BASE * 1000 + at + n, "message": f"line {at + n}"} for n in range(5_100)])
    numbers = {}
    for name, query, more in [("default", "fields @message", {}), ("named", "fields @message | limit 10100", {}), ("asked", "fields @message", {"limit": 10_150}), ("both", "fields @message | limit 3", {"limit": 10_150})]:
        id = logs.start_query(logGroupName="many", startTime=BASE, endTime=BASE + 3600, queryString=query, **more)["queryId"]
        found, token, deadline = [], None, time.monotonic() + 30
        while time.monotonic() < deadline:
            answer = logs.get_query_results(queryId=id, **({"nextToken": token} if token else {}))
            if answer["status"] == "Running":
                time.sleep(0.05)
                continue
            found += answer["results"]
            token = answer.get("nextToken")
            if not token:
                break
        numbers[name] = len(found)
    # A limit in the query is what counts, up to the 100,000 that StartQuery allows.
    assert numbers == {"default": 10_000, "named": 10_100, "asked": 10_150, "both": 3}


def test_all_that_matched_is_counted(logs):
    """Of a query that only tells rows, reading ends with the last that is told, and what comes behind is not counted."""
    for query, matched in (("filter level = 'ERROR' | stats count(*) by service | limit 1", 2), ("fields @message | sort ms | limit 3", 6), ("fields @message | limit 3", 3)):
        assert run(logs, query, logGroupName="app")["statistics"]["recordsMatched"] == matched, query


def test_time_of_ingestion_and_pointers(logs):
    answer = run(logs, "fields @ingestionTime, @ptr", logGroupName="chat")
    found = [{field["field"]: field["value"] for field in row} for row in answer["results"]]
    assert len({row["@ptr"] for row in found}) == len(found) == 7
    for row in found:
        taken = datetime.strptime(row["@ingestionTime"], "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=timezone.utc).timestamp()
        assert BASE < taken <= time.time() and len(row["@ingestionTime"]) == 23


def made_up(count=12_000):
    """Events each of a millisecond of its own, over five streams, with fields that come and go."""
    chance = random.Random(7)
    for n in range(count):
        event = {"n": n, "level": chance.choice(["INFO"] * 6 + ["WARN", "ERROR"]), "code": chance.choice([200, "201", 404, 500]), "user": {"id": f"u{chance.randrange(300)}"}}
        if chance.random() < 0.7:
            event["ms"] = chance.choice([chance.randrange(1000), str(chance.randrange(1000)), chance.randrange(4000) / 4])
        if chance.random() < 0.02:
            event["request"] = f"{chance.getrandbits(128):032x}"
        yield BASE * 1000 + n * 250 + chance.randrange(250), f"s{chance.randrange(5)}", event


@pytest.fixture(scope="module", params=["in memory", "in parts", "in both"])
def many(request, tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("many") / "data").start()
    logs = server.aws("logs")
    make(logs, "many", *(f"s{n}" for n in range(5)))
    events = list(made_up())
    for first in range(0, len(events), 3000):
        for stream in sorted({stream for _, stream, _ in events}):
            logs.put_log_events(logGroupName="many", logStreamName=stream, logEvents=[
                {"timestamp": at, "message": json.dumps(event)} for at, of, event in events[first:first + 3000] if of == stream])
        if request.param == "in parts" or request.param == "in both" and first == 3000:
            server.restart()
            logs = server.aws("logs")
    yield logs, events
    server.kill()


def told(number):
    return str(int(number)) if number == int(number) else f"{round(number, 4):.4f}".rstrip("0")


def grouped(events, key):
    found = defaultdict(list)
    for each in events:
        found[key(each)].append(each)
    return found


ms = lambda event: float(event["ms"])
with_ms = lambda events: [each for each in events if "ms" in each[2]]
bad = lambda event: int(event["code"]) >= 400
time_of = lambda at: datetime.fromtimestamp(at / 1000, timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
request = lambda events: next(event["request"] for _, _, event in events[7000:] if "request" in event)

LARGE = [
    ("stats count(*), count(ms), count_distinct(code)", lambda e: [(str(len(e)), str(len(with_ms(e))), "4")]),
    ("stats sum(ms) as s, min(ms) as lo, max(ms) as hi", lambda e: [tuple(told(f(ms(x) for *_, x in with_ms(e))) for f in (sum, min, max))]),
    ("stats count(*) as n by level, @logStream | sort level, @logStream", lambda e: [(l, s, str(len(v))) for (l, s), v in sorted(grouped(e, lambda x: (x[2]["level"], x[1])).items())]),
    ("stats count(*) as n by bin(5m) as t | sort t", lambda e: [(time_of(t), str(len(v))) for t, v in sorted(grouped(e, lambda x: x[0] // 300_000 * 300_000).items())]),
    ("filter ispresent(ms) | stats avg(ms) as a by level | sort level", lambda e: [(l, told(sum(ms(x) for *_, x in v) / len(v))) for l, v in sorted(grouped(with_ms(e), lambda x: x[2]["level"]).items())]),
    ("stats earliest(n) as a, latest(n) as b by level | sort level", lambda e: [(l, str(v[0][2]["n"]), str(v[-1][2]["n"])) for l, v in sorted(grouped(e, lambda x: x[2]["level"]).items())]),
    ("stats count(*) as n by user.id as u | filter n > 40 | stats count(*) as users, sum(n) as events", lambda e: [tuple(map(str, (lambda c: (len(c), sum(c)))([len(v) for v in grouped(e, lambda x: x[2]["user"]["id"]).values() if len(v) > 40])))]),
    ("filter level = 'ERROR' and code >= 400 | fields n | limit 25", lambda e: [(str(x["n"]),) for *_, x in e[::-1] if x["level"] == "ERROR" and bad(x)][:25]),
    ("filter level = 'ERROR' | sort @timestamp asc | limit 25 | display n, @timestamp", lambda e: [(str(x["n"]), time_of(at)) for at, _, x in e if x["level"] == "ERROR"][:25]),
    ("filter code = 201 | stats count(*) as n, sum(code) as s", lambda e: [(lambda n: (str(n), str(201 * n)))(sum(x["code"] == "201" for *_, x in e))]),
    ("filter @message like /\"id\": \"u1\\d\"/ | stats count_distinct(user.id) as n, count(*) as c", lambda e: [(lambda v: (str(len(set(v))), str(len(v))))([x["user"]["id"] for *_, x in e if re.fullmatch("u1\\d", x["user"]["id"])])]),
    ("fields n, user.id | filter user.id in ['u1', 'u2', 'u3'] | dedup user.id", lambda e: [(str(x["n"]), u) for u, x in sorted({x["user"]["id"]: x for *_, x in e if x["user"]["id"] in ("u1", "u2", "u3")}.items(), key=lambda p: -p[1]["n"])]),
    ("filter ispresent(ms) | sort ms desc, n asc | limit 40 | display n", lambda e: [(str(x["n"]),) for *_, x in sorted(with_ms(e), key=lambda x: (-ms(x[2]), x[2]["n"]))[:40]]),
    ("parse @message '\"id\": \"u*\"' as id | filter id < 10 | stats count(*) as n by id | sort id", lambda e: [(u, str(len(v))) for u, v in sorted(grouped([x for x in e if int(x[2]["user"]["id"][1:]) < 10], lambda x: x[2]["user"]["id"][1:]).items(), key=lambda p: int(p[0]))]),
    ("filter @logStream = 's3' | sort n asc | limit 3 | display n, @logStream", lambda e: [(str(x["n"]), "s3") for _, s, x in e if s == "s3"][:3]),
    ("filter request = '{request}' | fields n", lambda e: [(str(x["n"]),) for *_, x in e if x.get("request") == request(e)]),
    ("filter @message like '{request}' | fields n", lambda e: [(str(x["n"]),) for *_, x in e if x.get("request") == request(e)]),
    ("filter request like /^{request}$/ or n = 11999 | fields n", lambda e: [("11999",)] + [(str(x["n"]),) for *_, x in e if x.get("request") == request(e)]),
    ("filter not ispresent(request) and not ispresent(ms) | stats count(*)", lambda e: [(str(sum("request" not in x and "ms" not in x for *_, x in e)),)]),
    ("filter ms >= 250.25 and ms < 250.75 | stats count(*) as c, min(ms) as a, max(ms) as b", lambda e: [(lambda v: (str(len(v)), told(min(v)), told(max(v))))([ms(x) for *_, x in with_ms(e) if 250.25 <= ms(x) < 250.75])]),
    ("stats sum(level = 'ERROR') as errors, sum(ispresent(request)) as r by @logStream as s | sort s desc", lambda e: [(s, str(sum(x["level"] == "ERROR" for *_, x in v)), str(sum("request" in x for *_, x in v))) for s, v in sorted(grouped(e, lambda x: x[1]).items(), reverse=True)]),
    ("stats max(@timestamp) as t by level | sort t desc", lambda e: [(l, time_of(t)) for t, l in sorted(((v[-1][0], l) for l, v in grouped(e, lambda x: x[2]["level"]).items()), reverse=True)]),
]


@pytest.mark.parametrize("query, expected", LARGE, ids=[query[:80] for query, _ in LARGE])
def test_a_large_group_is_counted_right(many, query, expected):
    logs, events = many
    answer = run(logs, query.replace("{request}", request(events)), logGroupName="many")
    assert [tuple(value for _, value in row) for row in rows(answer)] == expected(events)


@pytest.mark.parametrize("start, end", [(0, 3600), (100, 100), (99, 1234), (1500, 1501)])
def test_times_of_a_large_group(many, start, end):
    logs, events = many
    answer = run(logs, "stats count(*) as n, min(n) as a, max(n) as b", BASE + start, BASE + end, logGroupName="many")
    # The end is a second that is included; whether its later milliseconds are, AWS does not say.
    inside = lambda last: [event["n"] for at, _, event in events if (BASE + start) * 1000 <= at <= last]
    of = lambda found: [(str(len(found)), str(min(found)), str(max(found)))] if found else [("0",)]
    assert [tuple(value for _, value in row) for row in rows(answer)] in (of(inside((BASE + end) * 1000)), of(inside((BASE + end) * 1000 + 999)))
