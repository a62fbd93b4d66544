"""Arrow Flight SQL, with the drivers that people have: ADBC, and Flight itself."""

import adbc_driver_flightsql.dbapi as flight_sql
import adbc_driver_manager
import pyarrow
import pyarrow.flight
import pytest

from conftest import segment


@pytest.fixture(scope="module")
def filled(shared):
    documents = [segment("shop", fault=n % 5 == 0, annotations={"n": n}) for n in range(50)]
    shared.put(*documents)
    return shared, documents


@pytest.fixture
def connection(filled):
    server, _ = filled
    with flight_sql.connect(f"grpc://127.0.0.1:{server.http_port}", autocommit=True) as connection:
        yield connection


def test_rows_come_as_they_were_put(filled, connection):
    _, documents = filled
    with connection.cursor() as cursor:
        cursor.execute("SELECT trace_id, fault, annotations, time FROM traces")
        table = cursor.fetch_arrow_table()
    assert table.schema.field("time").type == pyarrow.timestamp("us", tz="+00:00")
    found = {row["trace_id"]: (row["fault"], dict(row["annotations"])) for row in table.to_pylist()}
    assert found == {d["trace_id"]: (n % 5 == 0, {"n": str(n)}) for n, d in enumerate(documents)}


def test_a_prepared_statement_says_its_columns_first(connection):
    with connection.cursor() as cursor:
        schema = cursor.adbc_execute_schema("SELECT service, duration FROM requests")
        assert schema.names == ["service", "duration"]
        cursor.adbc_prepare("SELECT count(*) AS n FROM segments")
        cursor.execute("SELECT count(*) AS n FROM segments")
        assert cursor.fetchall() == [(50,)]


def test_tables_are_listed(connection):
    objects = connection.adbc_get_objects(depth="all").read_all().to_pylist()
    assert [catalog["catalog_name"] for catalog in objects] == ["mitoshi"]
    [schema] = objects[0]["catalog_db_schemas"]
    tables = {table["table_name"]: table for table in schema["db_schema_tables"]}
    assert set(tables) == {"traces", "requests", "segments", "metrics", "state_changes", "logs", "exceptions", "service_minutes"}
    assert tables["traces"]["table_type"] == "TABLE" and tables["exceptions"]["table_type"] == "VIEW"
    assert {"trace_id", "annotations"} <= {column["column_name"] for column in tables["traces"]["table_columns"]}
    assert "p99" in {column["column_name"] for column in tables["service_minutes"]["table_columns"]}
    assert connection.adbc_get_table_schema("requests").names[:3] == ["time", "trace_id", "service"]
    assert set(connection.adbc_get_table_types()) == {"TABLE", "VIEW"}
    assert connection.adbc_get_info()["vendor_name"] == "Mitoshi"


@pytest.mark.parametrize("sql, words", [
    ("SELECT nothing FROM traces", "No field named nothing"),
    ("DELETE FROM traces", "DML not supported"),
    ("SELECT 1 / 0 FROM traces", "zero"),
])
def test_refusals_say_why(connection, sql, words):
    with connection.cursor() as cursor, pytest.raises(adbc_driver_manager.Error, match=words):
        cursor.execute(sql)
        cursor.fetchall()


def test_the_same_port_serves_both_versions_of_http(filled):
    server, documents = filled
    client = pyarrow.flight.connect(f"grpc://127.0.0.1:{server.http_port}")
    with pytest.raises(pyarrow.ArrowException):
        list(client.list_flights())
    client.close()
    assert server.documents(documents[0]["trace_id"]) == [documents[0]]


def test_writing_and_the_daemons_port_are_refused(filled):
    server, _ = filled
    client = pyarrow.flight.connect(f"grpc://127.0.0.1:{server.http_port}")
    with pytest.raises(pyarrow.ArrowException):
        writer, _ = client.do_put(pyarrow.flight.FlightDescriptor.for_path("traces"), pyarrow.schema([("a", pyarrow.int64())]))
        writer.close()
    client.close()
    with pytest.raises(Exception):
        with flight_sql.connect(f"grpc://127.0.0.1:{server.daemon_port}", autocommit=True) as connection:
            connection.cursor().execute("SELECT 1")


def test_a_server_stops_with_clients_connected(new_server):
    server = new_server()
    with flight_sql.connect(f"grpc://127.0.0.1:{server.http_port}", autocommit=True) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            assert cursor.fetchall() == [(1,)]
        assert server.stop(deadline=5) == 0
