package duckdb

// DuckDB's allocator on Linux, jemalloc, keeps freed pages for a while with the
// arena that had them, and threads have arenas of their own. In a merge, whose
// statements run on one thread after the other, the process came to hold twice
// the memory limit, which counts only what is in use. So there is one arena,
// whose pages the next thread gets, and what nobody has wanted for a second goes
// back. To give all back at once costs a load a tenth more: DuckDB asks for the
// same blocks again and again, and the kernel clears each page. The settings are
// read by this name after those of DuckDB's build (jemalloc 5.3, src/jemalloc.c:
// obtain_malloc_conf).

// const char *duckdb_je_malloc_conf_2_conf_harder = "narenas:1,dirty_decay_ms:1000,muzzy_decay_ms:0";
import "C"
