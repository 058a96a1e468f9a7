package store

import (
	"testing"

	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/internal/storetest"
)

func BenchmarkConnection(b *testing.B) {
	for name, location := range storetest.Databases {
		b.Run(name, func(b *testing.B) {
			s := open(b, location(b))
			_, g := seed(b, s)
			c := connection(g, "app")
			check(b, s.CreateConnection(b.Context(), c))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Connection(b.Context(), c.ID); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	s := open(b, b.TempDir())
	u, _ := seed(b, s)
	key, sec, err := s.CreateAPIKey(b.Context(), u.ID)
	check(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Authenticate(b.Context(), key, sec); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCapture keeps what a source of 5,000 tables of 40 columns offers,
// as each of its syncs does.
func BenchmarkCapture(b *testing.B) {
	s := open(b, b.TempDir())
	_, g := seed(b, s)
	c := connection(g, "app")
	check(b, s.CreateConnection(b.Context(), c))
	tables := catalogOfTables(5000, 40)
	for b.Loop() {
		_, _, err := s.UpdateSchema(b.Context(), c.ID, func(_ *schemaconfig.Config, cat *schemaconfig.Catalog) error {
			cat.CapturedAt, cat.Tables = cat.CapturedAt.Add(1), tables
			return nil
		})
		check(b, err)
	}
}
