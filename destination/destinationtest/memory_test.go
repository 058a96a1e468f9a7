package destinationtest

import (
	"context"
	"strings"
	"testing"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/schema"
)

// TestMemory: what others are compared with does what the scripts say.
func TestMemory(t *testing.T) {
	s := MemorySubject
	for _, c := range append(scripts, modeScripts...) {
		if strings.HasSuffix(c.name, "BrokenPromise") { // nothing is promised of what becomes of rows then
			continue
		}
		t.Run(c.name, func(t *testing.T) { runScript(t, s, c.script) })
	}
	t.Run("Sequences", func(t *testing.T) { testSequences(t, s) })
	t.Run("Migrate", func(t *testing.T) { testMigrate(t, s) })
	t.Run("Keyless", func(t *testing.T) { testKeyless(t, s) })
}

// A forgetful destination knows nothing of operations of one kind.
type forgetful struct {
	destination.Destination
	op schema.Op
}

type forgetfulWriter struct {
	destination.Writer
	op schema.Op
}

func (f forgetful) Writer(ctx context.Context, opt destination.Options) (destination.Writer, error) {
	w, err := f.Destination.Writer(ctx, opt)
	return forgetfulWriter{w, f.op}, err
}

func (f forgetfulWriter) Write(ctx context.Context, b schema.Batch) error {
	if b.Op == f.op {
		b.Release()
		return nil
	}
	return f.Writer.Write(ctx, b)
}

// TestForgetful: sequences find a destination that forgets, and the shortest
// shows little else.
func TestForgetful(t *testing.T) {
	for _, op := range []schema.Op{schema.Upsert, schema.Update, schema.Delete, schema.Truncate, schema.Sweep} {
		t.Run(op.String(), func(t *testing.T) {
			play, leave := player(t, Subject{
				Open: func(t testing.TB) destination.Destination { return forgetful{MemorySubject.Open(t), op} },
				Select: func(t testing.TB, d destination.Destination, name schema.Name, columns []schema.Column) [][]string {
					return MemorySubject.Select(t, d.(forgetful).Destination, name, columns)
				},
			})
			defer leave()
			for seed := 1; seed < 1000; seed++ {
				short, err := Shortest(sequences(), seed, play)
				if err == nil {
					continue
				}
				if lines := strings.Count(short.String(), "\n"); lines > 4 {
					t.Errorf("%d lines:\n%s%v", lines, short, err)
				}
				return
			}
			t.Error("was not found")
		})
	}
}
