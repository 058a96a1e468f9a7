package modelcheck

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"

	"github.com/penstock-data/penstock/destination/destinationtest"
)

// A script is what happens to one connection with one table, line by line, in
// words that people can read and write. What a line speaks of may not be
// there: then nothing happens, so that every part of a script is one.
//
//	source KIND        what the source is like, see the kinds; the first line
//
// The source's table has the key k and the columns a and n. In it:
//
//	put K C=V…         adds a row or changes it; the log has the whole row
//	set K C=V…         changes a row; the log has the change
//	delete K
//	truncate
//	add C TYPE         adds a column: short, long or text
//	drop C
//	rename C NEW
//	type C TYPE        changes a column's type; all values are numerals
//
// What people choose, of what the source has by then:
//
//	mode MODE
//	block C, unblock C, hash C, unhash C, redact C, truncated C, unmask C
//	disable, enable, pause, resume
//	key, nokey         a key of one's own, for a table without
//	carry, nocarry     renames
//	lock, nolock       types
//	handling HANDLING
//	resync             the table
//	restart            the connection
//
// And then:
//
//	sync N             syncs, with a checkpoint after every N batches
//	sync N lost M      breaks after M batches; what was not checkpointed is lost
//	sync N kept M      breaks after M batches, when they are durable and
//	                   before the state is saved
type script []string

func (s script) String() string { return strings.Join(s, "\n") + "\n" }

// parse is the inverse of String.
func parse(text string) (s script) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			s = append(s, line)
		}
	}
	return s
}

// kinds are what sources are like.
const (
	logged  = "log"     // has a log of what changed
	timed   = "timed"   // the same, of whole rows, and tells when it was
	swept   = "sweep"   // has a log without deletes, which it finds by comparing keys
	reread  = "reread"  // is read anew in every sync
	keyless = "keyless" // the same, and has no key
)

const maxSyncs = 4

// scripts generates scripts.
func scripts() *rapid.Generator[script] {
	return rapid.Custom(func(r *rapid.T) script {
		out := script{"source " + destinationtest.Pick(r, "kind", logged, logged, timed, swept, reread, keyless)}
		out = append(out, rapid.SliceOfN(rapid.Custom(func(r *rapid.T) string { return filled(r, patterns[0]) }), 0, 8).Draw(r, "rows")...)
		syncs := rapid.SliceOfN(rapid.SliceOfN(rapid.Custom(line), 0, 12), 1, maxSyncs).Draw(r, "syncs")
		for _, lines := range syncs {
			out = append(out, lines...)
			sync := fmt.Sprintf("sync %d", rapid.IntRange(1, 4).Draw(r, "each"))
			if how := destinationtest.Pick(r, "breaks", "", "", "", "", " lost", " kept"); how != "" {
				sync += fmt.Sprintf("%s %d", how, rapid.IntRange(0, 5).Draw(r, "after"))
			}
			out = append(out, sync)
		}
		return out
	})
}

// patterns are lines in which K, C, V, TYPE, MODE and HANDLING stand for any.
var patterns = func() (all []string) {
	for _, p := range []struct {
		often int
		lines []string
	}{
		{16, []string{"put K C=V C=V"}},
		{8, []string{"set K C=V", "put K C=V"}},
		{6, []string{"delete K", "mode MODE"}},
		{2, []string{"add C TYPE", "drop C", "rename C C", "type C TYPE", "block C", "unblock C", "hash C", "carry", "resync", "key"}},
		{1, []string{"truncate", "set K C=V C=V", "unhash C", "redact C", "truncated C", "unmask C", "disable", "enable", "enable", "pause", "resume", "resume",
			"nokey", "nocarry", "lock", "nolock", "handling HANDLING", "restart", "hash k"}},
	} {
		for range p.often {
			all = append(all, p.lines...)
		}
	}
	return all
}()

var words = map[string][]string{
	"K":        {"1", "2", "3", "4"},
	"C":        {"a", "n", "b", "c"},
	"V":        {"1", "2", "345", "-"},
	"TYPE":     {"text", "short", "long"},
	"MODE":     {"LIVE", "HISTORY", "HISTORY", "SOFT_DELETE"},
	"HANDLING": {"BLOCK_ALL", "ALLOW_COLUMNS", "ALLOW_ALL"},
}

func line(r *rapid.T) string { return filled(r, destinationtest.Pick(r, "line", patterns...)) }

// filled puts some word for each that stands for any.
func filled(r *rapid.T, pattern string) string {
	fields := strings.Fields(pattern)
	for i, f := range fields {
		names := strings.Split(f, "=")
		for j, n := range names {
			if of := words[n]; of != nil {
				names[j] = destinationtest.Pick(r, n, of...)
			}
		}
		fields[i] = strings.Join(names, "=")
	}
	return strings.Join(fields, " ")
}
