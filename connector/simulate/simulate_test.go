package simulate

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestFaults(t *testing.T) {
	s := Faults{Refuse: func(w http.ResponseWriter, f *Fault) { http.Error(w, f.Code, f.Status) }}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if w := s.Strike(w, r); w != nil {
			Write(w, http.StatusOK, "text/plain", []byte("12345678"))
		}
	}))
	defer srv.Close()
	outcome := func(path string) string {
		res, err := srv.Client().Get(srv.URL + path)
		if err != nil {
			return "cut"
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			return "half " + string(b)
		}
		return fmt.Sprint(res.StatusCode, " ", strings.TrimSpace(string(b)), res.Header.Get("Retry-After"))
	}
	for _, c := range []struct {
		fault Fault
		want  []string
	}{
		{Fault{Status: 503, Code: "BUSY", RetryAfter: "5"}, []string{"503 BUSY5", "200 12345678"}},
		{Fault{Status: 500, After: 1, Count: 2}, []string{"200 12345678", "500 ", "500 ", "200 12345678"}},
		{Fault{Path: "/other", Status: 500}, []string{"200 12345678"}},
		{Fault{Path: "/a", Cut: true, Count: -1}, []string{"cut", "cut"}},
		{Fault{Half: true}, []string{"half 1234", "200 12345678"}},
		{Fault{Short: true}, []string{"200 1234", "200 12345678"}},
	} {
		s.Break(c.fault)
		var got []string
		for range c.want {
			got = append(got, outcome("/a"))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v: got %q, want %q", c.fault, got, c.want)
		}
		s.Mend()
		if got := outcome("/a"); got != "200 12345678" {
			t.Errorf("%+v, mended: %s", c.fault, got)
		}
	}
}

func TestShortLines(t *testing.T) {
	var s Faults
	s.Break(Fault{Short: true})
	w := httptest.NewRecorder()
	h := s.Strike(w, httptest.NewRequest("GET", "/", nil))
	h.Write([]byte("one\ntwo\nthree\nfour\n"))
	h.Write([]byte("five\n"))
	if got := w.Body.String(); got != "one\ntwo\n" {
		t.Errorf("got %q", got)
	}
}

func TestControl(t *testing.T) {
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	clock := Clock{Base: func() time.Time { return began }}
	var faults Faults
	var counts Counts
	counts.Add("x")
	c := &Control{
		Clock: &clock, Faults: &faults, Status: func() map[string]any { return map[string]any{"requests": counts.All()} },
		More: map[string]func(*http.Request) (map[string]any, error){
			"say":  func(r *http.Request) (map[string]any, error) { return map[string]any{"said": r.FormValue("what")}, nil },
			"fail": func(*http.Request) (map[string]any, error) { return nil, fmt.Errorf("no") },
		},
	}
	for _, x := range []struct {
		request, body string
		status        int
		answer        string // a part
	}{
		{"GET /simulator/", "", 200, `"requests":{"x":1}`},
		{"POST /simulator/", "", 405, ""},
		{"GET /simulator/mend", "", 405, ""},
		{"POST /simulator/advance?by=24h", "", 200, `"now":"2026-01-02T00:00:00Z"`},
		{"POST /simulator/advance?by=-1h", "", 400, "24h"},
		{"POST /simulator/break", `{"path":"/user/","status":500}`, 200, `"status":500`},
		{"POST /simulator/break", `{"short":true}`, 200, `"short":true`},
		{"POST /simulator/break", `{"status":200}`, 400, "must be set"},
		{"POST /simulator/break", `{"what":1}`, 400, "what"},
		{"POST /simulator/mend", "", 200, `"faults":[]`},
		{"POST /simulator/say?what=yes", "", 200, `"said":"yes"`},
		{"POST /simulator/fail", "", 400, "no"},
		{"POST /simulator/nothing", "", 404, "nothing"},
	} {
		method, target, _ := strings.Cut(x.request, " ")
		w := httptest.NewRecorder()
		c.ServeHTTP(w, httptest.NewRequest(method, target, strings.NewReader(x.body)))
		if w.Code != x.status || !strings.Contains(w.Body.String(), x.answer) || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %s: %d %s, want %d and %q", x.request, x.body, w.Code, w.Body, x.status, x.answer)
		}
	}
}

func TestObject(t *testing.T) {
	var j Object
	j.Open()
	j.Text("a", "\"\\\n\r\tü")
	j.Int("n", -1)
	j.Bool("b", true)
	j.Null("z")
	j.Array("list")
	for i := range 2 {
		j.Item()
		j.Open()
		j.Int("i", int64(i))
		j.Close()
	}
	j.EndArray()
	j.Raw("raw", "[1.50]")
	j.Close()
	if want := `{"a":"\"\\\n\r\u0009ü","n":-1,"b":true,"z":null,"list":[{"i":0},{"i":1}],"raw":[1.50]}`; string(j.Bytes) != want {
		t.Errorf("got  %s\nwant %s", j.Bytes, want)
	}
}
