package postgres

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/penstock-data/penstock/internal/pgtest"
)

// TestNumericForms takes random numbers in the binary form that a server
// sends and compares with the text that it gives for them.
func TestNumericForms(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var numbers []string
	for range 3000 {
		var b strings.Builder
		if rnd.IntN(2) == 0 {
			b.WriteByte('-')
		}
		digits := func(n int) {
			for range n {
				if rnd.IntN(3) == 0 { // many zeros, so that groups are left out
					b.WriteByte('0')
				} else {
					b.WriteByte(byte('0' + rnd.IntN(10)))
				}
			}
		}
		digits(1 + rnd.IntN(20))
		if after := rnd.IntN(20); after > 0 {
			b.WriteByte('.')
			digits(after)
		}
		numbers = append(numbers, b.String())
	}
	numbers = append(numbers, "NaN")
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, pgtest.Server(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	rows := new(fields)
	sql := "copy (select v::numeric, v::numeric::text, scale(v::numeric) from unnest('{" + strings.Join(numbers, ",") + "}'::text[]) v) to stdout (format binary)"
	if err := copyOut(ctx, conn.PgConn(), sql, make([]byte, 1<<16), rows); err != nil {
		t.Fatal(err)
	}
	if len(rows.all) != len(numbers) {
		t.Fatalf("got %d rows of %d", len(rows.all), len(numbers))
	}
	for _, row := range rows.all {
		want := string(row[1])
		if got := string(appendNumeric(nil, row[0])); got != want {
			t.Errorf("text of %s is %s", want, got)
		}
		scale := 0
		if row[2] != nil {
			scale = int(binary.BigEndian.Uint32(row[2]))
		}
		plain := strings.TrimPrefix(want, "-")
		before, _, _ := strings.Cut(plain, ".")
		if before == "0" {
			before = ""
		}
		// The narrowest decimal that holds it, wider ones, and one too narrow.
		for _, d := range []struct{ before, after int }{{0, 0}, {1, 0}, {0, 1}, {3, 5}, {-1, 0}} {
			p, s := len(before)+d.before+scale+d.after, scale+d.after
			if p < 1 || p > 38 || s > p || d.before < 0 && before == "" {
				continue
			}
			n, ok := numeric128(row[0], p, s)
			if fits := d.before >= 0 && want != "NaN"; ok != fits {
				t.Errorf("%s as decimal(%d,%d): fits is %v", want, p, s, ok)
			} else if got, want := n.ToString(int32(s)), padded(want, s); ok && got != want {
				t.Errorf("%s as decimal(%d,%d) is %s", want, p, s, got)
			}
		}
	}
}

// padded returns a number's text with n digits after the point.
func padded(number string, n int) string {
	before, after, _ := strings.Cut(number, ".")
	if n == 0 {
		return before
	}
	return before + "." + after + strings.Repeat("0", n-len(after))
}

// fields is a sink that keeps every field.
type fields struct{ all [][][]byte }

func (f *fields) message(b []byte) error {
	b, err := tuple(b)
	if err != nil || b == nil {
		return err
	}
	row := make([][]byte, binary.BigEndian.Uint16(b))
	b = b[2:]
	for i := range row {
		n := int32(binary.BigEndian.Uint32(b))
		b = b[4:]
		if n >= 0 {
			row[i] = append([]byte{}, b[:n]...)
			b = b[n:]
		}
	}
	f.all = append(f.all, row)
	return nil
}

func (f *fields) flush() error              { return nil }
func (f *fields) sent() (rows, bytes int64) { return int64(len(f.all)), 0 }
