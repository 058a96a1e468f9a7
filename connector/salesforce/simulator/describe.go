package simulator

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

func (s *Simulator) global(c *call) (*answer, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []json.RawMessage{}
	for _, name := range s.names {
		all = append(all, s.tables[strings.ToLower(name)].object.global(c.version))
	}
	b, _ := json.Marshal(map[string]any{"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": all})
	return &answer{body: b}, nil
}

// onTable calls f with the table of the object that the path names, while s.mu
// is held.
func onTable(f func(*Simulator, *call, *table) (*answer, *apiError)) func(*Simulator, *call) (*answer, *apiError) {
	return func(s *Simulator, c *call) (*answer, *apiError) {
		s.mu.Lock()
		defer s.mu.Unlock()
		t, err := s.tableOf(c.args[0])
		if err != nil {
			return nil, notFound
		}
		return f(s, c, t)
	}
}

func (s *Simulator) describe(c *call, t *table) (*answer, *apiError) {
	changed := t.changed.Truncate(time.Second)
	h := http.Header{"Last-Modified": {changed.Format(http.TimeFormat)}}
	if since, err := http.ParseTime(c.Header.Get("If-Modified-Since")); err == nil && !changed.After(since) {
		return &answer{status: http.StatusNotModified, header: h}, nil
	}
	return &answer{header: h, body: t.object.describe(c.version)}, nil
}
