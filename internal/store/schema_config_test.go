package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/internal/storetest"
	"github.com/penstock-data/penstock/schema"
)

func TestPack(t *testing.T) {
	for _, doc := range []string{``, `{}`, `[1,2]`, `{"a":"` + strings.Repeat("x", 1000) + `"}`, `{"a":"` + strings.Repeat("abc ", 5000) + `"}`} {
		packed, err := pack([]byte(doc))
		check(t, err)
		if len(packed) > len(doc) || len(doc) > 10_000 && len(packed) > len(doc)/10 {
			t.Errorf("%d bytes became %d", len(doc), len(packed))
		}
		got, err := unpack(packed)
		check(t, err)
		if string(got) != doc {
			t.Errorf("%.20q came back as %.20q", doc, got)
		}
	}
	if _, err := unpack(append(bytes.Clone(gzipMagic), 1, 2, 3)); err == nil {
		t.Error("a torn document was taken")
	}
}

func catalogOfTables(n, columns int) []schemaconfig.CatalogTable {
	tables := make([]schemaconfig.CatalogTable, n)
	for i := range tables {
		tables[i] = schemaconfig.CatalogTable{Name: schema.Name{Schema: "public", Table: fmt.Sprintf("table_%05d", i)}}
		for c := range columns {
			tables[i].Columns = append(tables[i].Columns, schemaconfig.CatalogColumn{
				Column: schema.Column{Name: fmt.Sprintf("column_%d", c), Type: schema.Type{Kind: schema.Long}, Key: c == 0}})
		}
	}
	return tables
}

// sameCatalog is [same] for what is too large to be compared word for word.
func sameCatalog(t *testing.T, got, want *schemaconfig.Catalog) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("catalogs of %d and %d tables differ", len(got.Tables), len(want.Tables))
	}
}

func TestSchemaConfigComesBackAsItWas(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		_, g := seed(t, s)
		due(t, s, g, "c")
		same(t, must(s.SchemaConfig(ctx, "c"))(t), &schemaconfig.Config{})
		same(t, must(s.Catalog(ctx, "c"))(t), &schemaconfig.Catalog{})

		history := schema.History
		cfg := &schemaconfig.Config{Handling: schemaconfig.BlockAll, TypeLocked: true,
			Masks: []schemaconfig.Mask{{Pattern: "*.mail", How: schemaconfig.MaskHash}},
			Schemas: map[string]*schemaconfig.Schema{"public": {Enabled: new(bool), Tables: map[string]*schemaconfig.Table{
				"t": {Mode: &history, Paused: true, Columns: map[string]*schemaconfig.Column{"a": {Hashed: true, Drop: true, Key: new(bool)}}}}}}}
		cat := &schemaconfig.Catalog{CapturedAt: t0, Unnamed: "svc", Tables: catalogOfTables(4000, 40)}
		cat.Tables[7].Gone, cat.Tables[8].Columns[1].Former = true, []string{"older"}
		set := func(c *schemaconfig.Config, k *schemaconfig.Catalog) error { *c, *k = *cfg, *cat; return nil }
		_, _, err := s.UpdateSchema(ctx, "c", set)
		check(t, err)
		same(t, must(s.SchemaConfig(ctx, "c"))(t), cfg)
		sameCatalog(t, must(s.Catalog(ctx, "c"))(t), cat)

		// Only the time is new.
		cat.CapturedAt = t0.Add(time.Hour)
		got, gotCat, err := s.UpdateSchema(ctx, "c", set)
		check(t, err)
		same(t, got, cfg)
		sameCatalog(t, gotCat, cat)
		sameCatalog(t, must(s.Catalog(ctx, "c"))(t), cat)

		refused := errors.New("no")
		_, _, err = s.UpdateSchema(ctx, "c", func(c *schemaconfig.Config, k *schemaconfig.Catalog) error {
			c.Handling, k.Tables = schemaconfig.AllowAll, nil
			return refused
		})
		wantErr(t, err, refused)
		same(t, must(s.SchemaConfig(ctx, "c"))(t), cfg)
		_, _, err = s.UpdateSchema(ctx, "no_such", set)
		wantErr(t, err, ErrNotFound)
		check(t, s.DeleteConnection(ctx, "c"))
		same(t, must(s.Catalog(ctx, "c"))(t), &schemaconfig.Catalog{})
	})
}

// TestSchemaUpdatesDoNotInterleave has many at the same time add one table each.
func TestSchemaUpdatesDoNotInterleave(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		_, g := seed(t, s)
		due(t, s, g, "c")
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				_, _, err := s.UpdateSchema(ctx, "c", func(c *schemaconfig.Config, k *schemaconfig.Catalog) error {
					c.TableOf(k, schema.Name{Schema: "s", Table: fmt.Sprint(i)}).Paused = true
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := len(must(s.SchemaConfig(ctx, "c"))(t).Schemas["s"].Tables); n != 20 {
			t.Errorf("%d of 20 updates are there", n)
		}
	})
}

// TestCaptured is a run that only looked what the source offers.
func TestCaptured(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		_, g := seed(t, s)
		due(t, s, g, "c")
		r := claim(t, s, "a", t0)
		check(t, s.Finish(ctx, r.Token(), Outcome{Kind: RunCaptured, EndedAt: t0.Add(time.Minute)}))
		c := must(s.Connection(ctx, "c"))(t)
		if !c.SucceededAt.IsZero() || !c.Historical || c.SetupState != Connected || !c.DueAt.After(t0.Add(time.Minute)) {
			t.Errorf("connection is %+v", c)
		}
	})
}

// TestMigrateOldDatabase opens a database that an older program made.
func TestMigrateOldDatabase(t *testing.T) {
	for name, location := range storetest.Databases {
		t.Run(name, func(t *testing.T) {
			ctx, at := t.Context(), location(t)
			s := &Store{}
			var err error
			if name == "postgres" {
				err = s.openPostgres(at)
			} else {
				err = s.openSQLite(at)
			}
			check(t, err)
			files := must(fs.Sub(migrations, "migrations"))(t)
			p := must(goose.NewProvider(goose.Dialect(s.dialect.name), s.write, files))(t)
			must(p.UpTo(ctx, 1))(t)
			for _, q := range []string{
				`insert into accounts (id, name, created_at) values ('a', 'Acme', 0)`,
				`insert into groups (id, account_id, name, created_at) values ('g', 'a', 'g', 0)`,
				`insert into connections (id, group_id, service, schema_name, service_version, created_at, config, paused, pause_after_trial,
					schedule_type, sync_frequency, daily_sync_time, delay_sensitivity, delay_threshold, networking_method, schema_names,
					setup_state, setup_tests, tasks, warnings, historical, reset, failures)
					values ('c', 'g', 'postgres', 's', 1, 0, '', false, false, 'auto', 360, '', 'NORMAL', 0, 'Directly', '', 'connected', '[]', '[]', '[]', false, false, 0)`,
				`insert into states (connection_id, run_id, state, saved_at) values ('c', '', '{"n":1}', 0)`,
			} {
				_, err := s.write.ExecContext(ctx, q)
				check(t, err)
			}
			check(t, s.Close())
			s = open(t, at)
			var status string
			check(t, s.read.QueryRowContext(ctx, `select schema_status from connections where id = 'c'`).Scan(&status))
			same(t, status, SchemaReady)
			same(t, string(must(s.State(ctx, "c"))(t)), `{"n":1}`)
			same(t, must(s.Catalog(ctx, "c"))(t), &schemaconfig.Catalog{})
		})
	}
}

// A table whose filter somebody changes is to be read again, in the same
// moment; one whose filter follows a renamed column is not.
func TestUpdateFilters(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		_, g := seed(t, s)
		due(t, s, g, "c")
		a := schema.Name{Table: "a"}
		set := func(filters map[string]string) func(*schemaconfig.Config, *schemaconfig.Catalog) error {
			return func(cfg *schemaconfig.Config, cat *schemaconfig.Catalog) error {
				*cat = schemaconfig.Catalog{CapturedAt: t0, Unnamed: "app", Tables: []schemaconfig.CatalogTable{{Name: a}, {Name: schema.Name{Table: "b"}}}}
				for table, f := range filters {
					cfg.TableOf(cat, schema.Name{Table: table}).Filter = f
				}
				return nil
			}
		}
		r := claim(t, s, "a", t0)
		check(t, s.SetState(ctx, r.Token(), json.RawMessage(`1`), 0, t0))
		asked := func() []schema.Name {
			t.Helper()
			all := must(s.AskedResyncs(ctx, "c"))(t)
			must(s.Forget(ctx, r.Token(), t0, func(state json.RawMessage, _ []schema.Name) (json.RawMessage, error) { return state, nil }))(t)
			return all
		}
		for _, tt := range []struct {
			change map[string]string
			want   []schema.Name
		}{
			{nil, nil}, {map[string]string{"a": "x = 1"}, []schema.Name{a}}, {map[string]string{"a": "x = 1", "b": ""}, nil},
			{map[string]string{"a": "x = 2"}, []schema.Name{a}}, {map[string]string{"a": ""}, []schema.Name{a}}, {map[string]string{"a": ""}, nil},
		} {
			_, _, err := s.UpdateFilters(ctx, "c", set(tt.change))
			check(t, err)
			same(t, asked(), tt.want)
		}
		_, _, err := s.UpdateSchema(ctx, "c", set(map[string]string{"a": "y = 2"}))
		check(t, err)
		same(t, asked(), []schema.Name(nil))

		// Whoever changes filters is said to have asked for it.
		before := newest(t, s)
		_, _, err = s.UpdateFilters(As(ctx, "ann_lee"), "c", set(map[string]string{"a": "y = 3", "b": "z = 1"}))
		check(t, err)
		var got []string
		for _, e := range must(s.Events(ctx, before, 10))(t) {
			got = append(got, e.Kind+" "+string(e.Data))
		}
		same(t, got, []string{`change_schema_config {"actor":"ann_lee","id":"c"}`,
			`resync_table {"actor":"ann_lee","id":"c","schema":"","table":"a"}`, `resync_table {"actor":"ann_lee","id":"c","schema":"","table":"b"}`})
		asked()

		refused := errors.New("no")
		_, _, err = s.UpdateFilters(ctx, "c", func(cfg *schemaconfig.Config, cat *schemaconfig.Catalog) error {
			check(t, set(map[string]string{"a": "y = 4"})(cfg, cat))
			return refused
		})
		wantErr(t, err, refused)
		same(t, asked(), []schema.Name(nil))
	})
}
