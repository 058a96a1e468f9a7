package postgres

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/penstock-data/penstock/schema"
)

// TestArrayText compares arrays decoded from text with what the server makes of
// them, over random arrays of values that are odd in some way.
func TestArrayText(t *testing.T) {
	t.Parallel()
	conn, err := pgx.Connect(t.Context(), sharedDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.PgConn().Exec(t.Context(), session).ReadAll(); err != nil {
		t.Fatal(err)
	}
	texts := []string{"", " ", "a", "NULL", "null", "a,b", "{", "}", "{}", `"`, `\`, `\\"`, "'", "é😀", "\u007f", "a b ", "[1:2]=", "\b\f\n\r\t\v\x01\x1f", "t", "1"}
	times := []string{"2020-02-29 12:34:56", "2020-02-29 12:34:56.1", "0044-03-15 01:00:00 BC", "infinity", "-infinity", "12020-01-01 00:00:00", "0001-01-01 00:00:00.000001"}
	rnd := rand.New(rand.NewPCG(1, 0))
	for _, c := range []struct {
		typ    string
		oid    uint32
		values []string
	}{
		{"bool", oidBool, []string{"t", "f"}},
		{"int2", oidInt2, []string{"0", "-1", "32767"}},
		{"int4", oidInt4, []string{"0", "-1", "2147483647"}},
		{"int8", oidInt8, []string{"0", "-1", "9223372036854775807", "-9223372036854775808"}},
		{"float4", oidFloat4, []string{"0", "-0", "1.5", "1e-30", "1e30", "NaN", "Infinity", "-Infinity", "16777217"}},
		{"float8", oidFloat8, []string{"0", "-0", "0.1", "1e-300", "1e300", "NaN", "Infinity", "-Infinity", "123456789012345680"}},
		{"numeric", oidNumeric, []string{"0", "-0.10", "NaN", "1e40", "0.000000000000000000001"}},
		{"text", oidText, texts},
		{"varchar(20)", oidVarchar, texts},
		{"char(20)", oidBpchar, texts},
		{"name", oidName, texts},
		{"uuid", oidUUID, []string{"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "00000000-0000-0000-0000-000000000000"}},
		{"date", oidDate, []string{"2020-02-29", "0044-03-15 BC", "infinity", "-infinity", "12020-01-01"}},
		{"timestamp", oidTimestamp, times},
		{"timestamptz", oidTimestamptz, times},
		{"json", oidJSON, []string{`{"a": [1, "x\"y"]}`, `"{}"`, "1", " null ", "[]"}},
		{"jsonb", oidJSONB, []string{`{"a": [1, "x\"y"]}`, `"{}"`, "1", "null", "[]"}},
	} {
		decode := arrayText(c.oid)
		for range 150 {
			literal := randomArray(rnd, c.values)
			var text, want string
			sql := fmt.Sprintf("select a::text, to_json(a)::text from (select $1::text::%s[] as a) x", c.typ)
			if err := conn.QueryRow(t.Context(), sql, literal).Scan(&text, &want); err != nil {
				t.Fatalf("%s: %s: %v", c.typ, literal, err)
			}
			var v vector
			v.reset(schema.Type{Kind: schema.JSON}, decode, 1, 64)
			if err := decode(&v, 0, []byte(text)); err != nil || string(v.data) != want {
				t.Fatalf("%s: %s: got %s, %v, want %s", c.typ, text, v.data, err, want)
			}
		}
	}
	for _, bad := range []string{"{", `{"a`, `{"a\`, "{a", "a", "{{a}"} {
		if data, err := appendArray(nil, []byte(bad), jsonText); err == nil {
			t.Errorf("%s is taken for %s", bad, data)
		}
	}
}

// randomArray returns the literal of an array of up to three dimensions.
func randomArray(rnd *rand.Rand, values []string) string {
	dims := make([]int, rnd.IntN(4))
	bounds := ""
	for i := range dims {
		dims[i] = 1 + rnd.IntN(3)
		low := rnd.IntN(7) - 3
		bounds += fmt.Sprintf("[%d:%d]", low, low+dims[i]-1)
	}
	if len(dims) == 0 {
		return "{}"
	}
	if rnd.IntN(2) == 0 {
		return bounds + "=" + nested(rnd, values, dims)
	}
	return nested(rnd, values, dims)
}

func nested(rnd *rand.Rand, values []string, dims []int) string {
	if len(dims) == 0 {
		if rnd.IntN(5) == 0 {
			return "NULL"
		}
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(values[rnd.IntN(len(values))]) + `"`
	}
	var inner []string
	for range dims[0] {
		inner = append(inner, nested(rnd, values, dims[1:]))
	}
	return "{" + strings.Join(inner, ",") + "}"
}
