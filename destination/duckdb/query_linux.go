package duckdb

import "syscall"

// limitMemory limits what this process can have of memory of its own.
func limitMemory(bytes uint64) {
	const data = 2 // RLIMIT_DATA, which package syscall names on some machines only
	syscall.Setrlimit(data, &syscall.Rlimit{Cur: bytes, Max: bytes})
	core := syscall.Rlimit{}
	syscall.Setrlimit(syscall.RLIMIT_CORE, &core)
}
