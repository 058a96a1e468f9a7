package store

import "testing"

func BenchmarkConnection(b *testing.B) {
	for name, location := range engines {
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
