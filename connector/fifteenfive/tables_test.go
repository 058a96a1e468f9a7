package fifteenfive

import (
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/connector/fifteenfive/simulator"
	"github.com/penstock-data/penstock/schema"
)

// reference returns a file of the shared reference: $PENSTOCK_REFERENCE, or
// shared/reference beside this checkout or above it.
func reference(t *testing.T, name string) []byte {
	t.Helper()
	if dir := os.Getenv("PENSTOCK_REFERENCE"); dir != "" {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		b, err := os.ReadFile(filepath.Join(dir, "shared", "reference", name))
		if err == nil {
			return b
		}
		if !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		if dir == filepath.Dir(dir) {
			t.Skipf("shared/reference/%s is not here: the tables are not compared with Fivetran's", name)
		}
	}
}

func TestTablesAreFivetrans(t *testing.T) {
	var erd struct {
		Tables []struct {
			Name    string
			Columns []struct {
				Name       string
				Type       string
				PrimaryKey bool
				WildCard   bool
			}
		}
	}
	if err := json.Unmarshal(reference(t, "services/erd_15five.json"), &erd); err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{ // of the page "connector-schema", newer than the ERD
		"high_five":                {"create_ts", "creator", "creator_detail_id", "creator_id", "id key", "report", "text"},
		"high_five_receiver":       {"high_five_id key", "index key", "receiver_id", "url"},
		"high_five_email_receiver": {"email", "high_five_id key", "index key"},
	}
	documents := map[string]bool{} // table.column
	for _, et := range erd.Tables {
		columns := []string{}
		for _, c := range et.Columns {
			switch {
			case c.Name == schema.RowID || c.WildCard: // ours to add, and its values'
			case c.PrimaryKey:
				columns = append(columns, c.Name+" key")
			default:
				columns = append(columns, c.Name)
			}
			if c.Type == "Json" {
				documents[et.Name+"."+c.Name] = true
			}
		}
		slices.Sort(columns)
		want[et.Name] = columns
	}

	got := map[string][]string{}
	for _, tb := range tables {
		columns := []string{}
		for _, c := range tb.Columns {
			name := c.Name
			if c.Key {
				name += " key"
			}
			columns = append(columns, name)
			if (c.Type.Kind == schema.JSON) != documents[tb.Name.Table+"."+c.Name] {
				t.Errorf("%s.%s is %v", tb.Name, c.Name, c.Type)
			}
		}
		slices.Sort(columns)
		got[tb.Name.Table] = columns
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tables (-Fivetran's +ours):\n%s", diff)
	}
	if len(got) != 20 {
		t.Errorf("%d tables, want 20", len(got))
	}
}

var update = flag.Bool("update", false, "write testdata anew")

// The rows of a small company, to be read by people.
func TestGolden(t *testing.T) {
	sim := company(simulator.Options{Users: 3})
	m := clocked(sim)
	mustSync(t, m, account(t, sim, simulator.DefaultKey))
	const file = "testdata/company.txt"
	if *update {
		if err := os.WriteFile(file, []byte(m.Dump()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), m.Dump()); diff != "" {
		t.Errorf("rows (-want +got); -update writes %s anew:\n%s", file, diff)
	}
}
