//go:build !duckdb_arrow

package duckdb

// DuckDB's driver takes columnar batches only when it is built with this tag.
var _ = build_with_GOFLAGS_tags_duckdb_arrow
