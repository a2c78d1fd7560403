"""Compares NAME.parquet and NAME.csv in a directory, cell by cell, for every NAME."""

import csv
import math
import pathlib
import sys

import pyarrow as pa
import pyarrow.parquet as pq

directory = pathlib.Path(sys.argv[1])
names = sorted(path.stem for path in directory.glob("*.parquet"))
assert names == sorted(path.stem for path in directory.glob("*.csv")), "not the same tables"
assert len(names) >= 10, f"only {names}"


def same(kind, value, text):
    """Whether a cell of CSV says what the value of Parquet is."""
    if value is None:
        return text == ""
    if pa.types.is_timestamp(kind):
        return value.value == nanoseconds(text)
    if pa.types.is_list(kind):
        return text == " ".join(f"{bucket['lower']}:{bucket['count']}" for bucket in value)
    if pa.types.is_boolean(kind):
        return text == ("true" if value else "false")
    if pa.types.is_floating(kind):
        return float(text) == value or (math.isnan(value) and text.lower() == "nan")
    if pa.types.is_integer(kind):
        return int(text) == value
    return text == value


def nanoseconds(text):
    """RFC 3339 in UTC to ns since the epoch, with all nine digits."""
    whole, _, rest = text.partition(".")
    seconds = int(
        pa.scalar(whole.removesuffix("Z")).cast(pa.timestamp("s")).value
    )
    return seconds * 10**9 + int(rest.removesuffix("Z").ljust(9, "0"))


cells = 0
for name in names:
    table = pq.read_table(directory / f"{name}.parquet")
    with open(directory / f"{name}.csv", newline="", encoding="utf-8") as file:
        header, *rows = [row for row in csv.reader(file) if not row[:1] or not row[0].startswith("#")]
    beside = table.column_names[len(header) :]
    assert header == table.column_names[: len(header)], f"{name}: {header} and {table.column_names}"
    ends = [column.removesuffix("_address") for column in beside if column.endswith("_address")]
    expected = [f"{end}_{part}" for end in ends for part in ("address", "port")]
    assert beside == expected and set(ends) <= set(header), f"{name}: {beside}"
    for end in ends:
        parts = zip(table.column(f"{end}_address").to_pylist(), table.column(f"{end}_port").to_pylist())
        for row, (address, port) in zip(rows, parts):
            whole = f"[{address}]:{port}" if ":" in (address or "") else f"{address}:{port}"
            assert whole == row[header.index(end)], f"{name}.{end}: {whole} and {row}"
            cells += 2
    assert len(rows) == table.num_rows, f"{name}: {len(rows)} rows and {table.num_rows}"
    for at, field in enumerate(table.schema):
        if at >= len(header):
            break
        column = table.column(at)
        for row, scalar in zip(rows, column):
            value = scalar if pa.types.is_timestamp(field.type) else scalar.as_py()
            assert same(field.type, value, row[at]), f"{name}.{field.name}: {scalar} and {row[at]!r}"
            cells += 1
print(f"{len(names)} tables, {cells} cells are equal")
