package duckdb

// DuckDB's allocator on Linux, jemalloc, keeps freed pages for a while with the
// arena that had them, and threads have arenas of their own. In a merge, whose
// statements run on one thread after the other, the process came to hold twice
// the memory limit, which counts only what is in use. With these settings, which
// jemalloc reads by this name after those of DuckDB's build, freed pages go back
// at once (jemalloc 5.3, src/jemalloc.c: obtain_malloc_conf).

// const char *duckdb_je_malloc_conf_2_conf_harder = "dirty_decay_ms:0,muzzy_decay_ms:0";
import "C"
