//go:build !linux

package duckdb

// limitMemory does nothing where processes cannot be limited so.
func limitMemory(uint64) {}
