package postgres

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/schema"
)

// TestRecordedStates reads states as syncs have saved them, and says the same
// again.
func TestRecordedStates(t *testing.T) {
	files, err := filepath.Glob("testdata/state/*.json")
	if err != nil || len(files) != 3 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		st, err := parseState(raw)
		if err != nil {
			t.Fatal(f, err)
		}
		if diff := cmp.Diff(value(t, raw), value(t, encode(t, st))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", f, diff)
		}
	}
}

// TestRecordedState finds in one what is in it.
func TestRecordedState(t *testing.T) {
	raw, err := os.ReadFile("testdata/state/following.json")
	if err != nil {
		t.Fatal(err)
	}
	st, err := parseState(raw)
	if err != nil {
		t.Fatal(err)
	}
	a, b := st.Table(schema.Name{Schema: "public", Table: "a"}), st.Table(schema.Name{Schema: "public", Table: "b"})
	switch log := st.Log; {
	case st.Origin != "7712306930406406360/00000001" || len(st.Tables["public"]) != 4:
		t.Error(st)
	case log.Slot != "penstock" || !log.Made || log.Position != 0x154BDC0 || log.Horizon != 771 || log.Clock != 1795661399327805:
		t.Error(log)
	case !a.Logged() || a.Log.Seen != nil || !a.Parts["16384"].Loaded || a.Parts["16384"].Horizon != 771:
		t.Error(a)
	case b.Log.Seen.String() != "771:771:" || b.Log.End != 0x154BE48 || b.Published.Since != 733 || !b.Began.Before(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)):
		t.Error(b)
	}
	b.TakeBack(st.Log)
	if b.Logged() || b.Parts["16400"].Horizon != 771 {
		t.Error(b)
	}
}

func value(t *testing.T, raw json.RawMessage) (v any) {
	t.Helper()
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}
