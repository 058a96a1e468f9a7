package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/pipe"
	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// A chronicle is a source that knows when its rows changed.
type chronicle struct{ batches []chapter }

type chapter struct {
	op   schema.Op
	rows []string // key, when, name; a word each
}

var chronicled = schema.Table{Name: schema.Name{Table: "person"}, Columns: []schema.Column{
	{Name: "id", Type: schema.Type{Kind: schema.Long}, Key: true},
	{Name: schema.Start, Type: schema.Type{Kind: schema.Instant}},
	{Name: "name", Type: schema.Type{Kind: schema.String}},
}}

func (chronicle) Test(context.Context) []setup.TestResult { return nil }
func (chronicle) Close() error                            { return nil }
func (chronicle) Tables(context.Context, func(setup.Warning)) ([]schema.Table, error) {
	return []schema.Table{chronicled}, nil
}

func (c chronicle) Sync(ctx context.Context, _ connector.Request, out connector.Output) error {
	for i, chapter := range c.batches {
		b := array.NewRecordBuilder(memory.DefaultAllocator, chronicled.Arrow())
		for _, row := range chapter.rows {
			for j, v := range strings.Fields(row) {
				if err := b.Field(j).AppendValueFromString(v); err != nil {
					return err
				}
			}
		}
		if err := out.Write(ctx, schema.Batch{Op: chapter.op, Table: &chronicled, Record: b.NewRecordBatch()}); err != nil {
			return err
		}
		b.Release()
		if err := out.Checkpoint(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// noLedger remembers nothing: every sync sends all again.
type noLedger struct{}

func (noLedger) State(context.Context) (json.RawMessage, error)  { return nil, nil }
func (noLedger) SetState(context.Context, json.RawMessage) error { return nil }
func (noLedger) Note(context.Context, json.RawMessage) error     { return nil }

// What a source says of when its rows changed becomes their versions, however
// often it is sent, and makes no difference where no versions are kept.
func TestVersionsOfTheSource(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 3, n, 0, 0, 0, 0, time.UTC) }
	first := chronicle{[]chapter{
		{schema.Upsert, []string{"1 2026-03-01T00:00:00Z ann", "1 2026-03-02T00:00:00Z anna", "2 (null) bob"}},
		{schema.Update, []string{"1 2026-03-03T00:00:00Z anne", "7 2026-03-03T00:00:00Z nobody"}},
	}}
	second := chronicle{append(slices.Clone(first.batches), chapter{schema.Upsert, []string{"2 2026-03-11T00:00:00Z bobby"}})}
	for mode, want := range map[schema.Mode][]string{
		schema.History: {
			"1 ann 2026-03-01..2026-03-01", "1 anna 2026-03-02..2026-03-02", "1 anne 2026-03-03..9999-12-31",
			"2 bob 2026-03-10..2026-03-10", "2 bobby 2026-03-11..9999-12-31",
		},
		schema.SoftDelete: {"1 anne", "2 bobby"},
		schema.Live:       {"1 anne", "2 bobby"},
	} {
		t.Run(mode.String(), func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "w.duckdb")
			dst, kind, err := openDestination(file)
			if err != nil {
				t.Fatal(err)
			}
			for i, src := range []chronicle{first, first, second} {
				start := day(10)
				w, err := dst.Writer(t.Context(), destination.Options{Synced: start.Add(time.Duration(i) * time.Second)})
				if err != nil {
					t.Fatal(err)
				}
				out, err := pipe.Run(t.Context(), pipe.Plan{
					Source: src, Writer: w, Ledger: noLedger{}, Naming: schema.SourceNaming, MaxName: kind.MaxName, Start: start,
					Schema: func(string) string { return "s" },
					Choose: func(context.Context, []schema.Table) (map[schema.Name]schemaconfig.Treatment, error) {
						return map[schema.Name]schemaconfig.Treatment{chronicled.Name: {Wanted: true, Mode: mode}}, nil
					},
				})
				if err != nil || out.Tables[0].Err != nil {
					t.Fatal(err, out.Tables)
				}
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
			}
			w := duckWarehouse(file)
			db := w.open(t)
			defer db.Close()
			query := "select id || ' ' || name from s.person order by 1"
			if mode == schema.History {
				query = "select id || ' ' || name || ' ' || strftime(_fivetran_start, '%Y-%m-%d') || '..' || strftime(_fivetran_end, '%Y-%m-%d') from s.person order by 1"
			}
			rows, err := db.Query(query)
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			var got []string
			for rows.Next() {
				var row string
				if err := rows.Scan(&row); err != nil {
					t.Fatal(err)
				}
				got = append(got, row)
			}
			if !slices.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			var columns string
			if err := db.QueryRow("select string_agg(column_name, ' ' order by ordinal_position) from information_schema.columns where table_name = 'person'").Scan(&columns); err != nil ||
				strings.Count(columns, schema.Start) != map[bool]int{true: 1}[mode == schema.History] {
				t.Error(fmt.Sprint("columns ", columns, " ", err))
			}
		})
	}
}
