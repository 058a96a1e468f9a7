package api

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/penstock-data/penstock/internal/access"
)

const coverageFile = "../../docs/api-coverage.md"

var update = flag.Bool("update", false, "write "+coverageFile)

// TestMain runs the tests and then holds what they met against the table of it.
func TestMain(m *testing.M) {
	flag.Parse()
	status := m.Run()
	if status == 0 && complete() {
		if err := checkCoverage(); err != nil {
			fmt.Println(err)
			status = 1
		}
	}
	os.Exit(status)
}

// complete reports whether all of the package's tests were run.
func complete() bool {
	for _, name := range []string{"run", "skip", "list"} {
		if flag.Lookup("test."+name).Value.String() != "" {
			return false
		}
	}
	return !testing.Short()
}

func checkCoverage() error {
	o, err := loadOracle()
	if err != nil {
		return err
	}
	if o == nil {
		fmt.Println("Fivetran's API definition is not at hand (PENSTOCK_SHARED): " + coverageFile + " is not held against what the tests met")
		return nil
	}
	table, gaps := coverageTable(o)
	if len(gaps) > 0 {
		return fmt.Errorf("no test met:\n%s", strings.Join(gaps, "\n"))
	}
	if *update {
		return os.WriteFile(coverageFile, []byte(table), 0o644)
	}
	committed, err := os.ReadFile(coverageFile)
	if err != nil || string(committed) != table {
		return fmt.Errorf("%s does not say what the tests met: go test ./internal/api -update writes it", coverageFile)
	}
	return nil
}

// met are the statuses that the tests met, by method and path of the route.
var met = struct {
	sync.Mutex
	statuses map[string]map[int]bool
}{statuses: map[string]map[int]bool{}}

// meet remembers a response. A method that a path has not is one that each of
// its routes was asked for by.
func meet(r *http.Request, status int) {
	met.Lock()
	defer met.Unlock()
	routes := routesOf(r.Method, r.URL.Path)
	if rt, ok := routes[cmp.Or(map[string]string{"HEAD": "GET"}[r.Method], r.Method)]; ok {
		routes = map[string]route{rt.method: rt}
	}
	for _, rt := range routes {
		name := rt.method + " " + rt.path
		if met.statuses[name] == nil {
			met.statuses[name] = map[int]bool{}
		}
		met.statuses[name][status] = true
	}
}

var prober = sync.OnceValue(func() *server {
	s := new(server)
	s.mux = s.newMux(s.routes())
	return s
})

// routesOf returns the routes of a path by their methods; nil: it has none.
func routesOf(method, path string) map[string]route {
	r, err := http.NewRequest(method, "http://x", nil)
	if err != nil {
		return nil
	}
	r.URL.Path = strings.TrimSuffix(path, "/")
	h, _ := prober().mux.Handler(r)
	e, ok := h.(endpoint)
	if ok && e.routes == nil {
		e, _ = prober().other(r)
	}
	return e.routes
}

// operationOf returns a route's operation in Fivetran's definition or in our
// own document; nil if it is in neither.
func operationOf(t *testing.T, method, path string) *openapi3.Operation {
	t.Helper()
	o, err := loadOracle()
	must(t, err)
	d, err := loadDocument()
	must(t, err)
	return describedBy(o, d, method, path)
}

func describedBy(o *oracle, d *described, method, path string) *openapi3.Operation {
	if own(path) || o == nil {
		return d.operation(method, path)
	}
	return o.operation(method, modern(strings.ReplaceAll(strings.ReplaceAll(path, "{what}", "test"), "...}", "}")))
}

// never are the operations that no request can make succeed, and why.
var never = map[string]string{
	"GET /v1/transformations/package-metadata/{id}": "there are no Quickstart packages here",
	"POST /v1/transformations/{id}/upgrade":         "there are no Quickstart packages here",
	"POST /v1/transformations/{id}/cancel":          "a run has failed at once: nothing here runs dbt",
}

// refusals are the columns of the table beside that of successes.
var refusals = []int{400, 401, 403, 404, 405, 406, 409, 415, 429}

const coverageHead = `# What the tests met

Every operation, and the statuses that the tests of the API were answered with; each answer was held against Fivetran's definition or our own [document](../internal/api/openapi.json). The table is written by the tests, and they fail when it is not true, or when an operation has no tested success.

| sign | meaning |
|---|---|
| ✓ | met; under *ok* the status of the success |
| – | 400: it takes neither a body nor a page, or nothing in them can be wrong. 401, 403, 429: no key is needed, or any key is enough; what only reads one thing is 404 for whoever may not see it. 404: the path names nothing that can be missing. 405: by other methods the path is another operation's. 406: it answers with a file or a page. 409: no test met a conflict. 415: it takes no body |
`

func coverageTable(o *oracle) (table string, gaps []string) {
	d, err := loadDocument()
	if err != nil {
		return "", []string{err.Error()}
	}
	tail := []string{"Not in the definition, but in clients and newer documents", "Older names of paths", "Penstock's own"}
	type row struct{ section, path, method string }
	var rows []row
	covered := map[string]bool{}
	for path, item := range o.paths {
		for method, op := range item.Operations() {
			rows = append(rows, row{cmp.Or(append(op.Tags, "")[0], "Other"), path, method})
			rt := routesOf(method, path)[method]
			covered[rt.method+" "+rt.path] = true
		}
	}
	definition := len(rows)
	for _, rt := range new(server).routes() {
		r := row{tail[0], rt.path, rt.method}
		switch {
		case covered[rt.method+" "+rt.path]:
			continue
		case rt.legacy:
			r.section = tail[1]
		case own(rt.path):
			r.section = tail[2]
		}
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(slices.Index(tail, a.section), slices.Index(tail, b.section)),
			cmp.Compare(a.section, b.section), cmp.Compare(a.path, b.path), cmp.Compare(a.method, b.method))
	})
	var b strings.Builder
	b.WriteString(coverageHead)
	fmt.Fprintf(&b, "\n%d operations: %d of the definition, %d beside it.\n", len(rows), definition, len(rows)-definition)
	section := ""
	for _, r := range rows {
		if r.section != section {
			section = r.section
			fmt.Fprintf(&b, "\n## %s\n\n| | operation | ok | 400 | 401 | 403 | 404 | 405 | 406 | 409 | 415 | 429 |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n", section)
		}
		rt, ok := routesOf(r.method, r.path)[r.method]
		if !ok {
			gaps = append(gaps, r.method+" "+r.path+": there is no such route")
			continue
		}
		statuses := met.statuses[rt.method+" "+rt.path]
		success := successes(statuses)
		why := never[rt.method+" "+rt.path]
		switch {
		case success == "" && why != "":
			success = "never: " + why
		case success == "" || why != "":
			gaps = append(gaps, r.method+" "+r.path+": success")
		}
		fmt.Fprintf(&b, "| %s | `%s` | %s |", r.method, r.path, success)
		for _, status := range refusals {
			sign := "–"
			if statuses[status] {
				sign = "✓"
			} else if applies(&rt, describedBy(o, d, rt.method, rt.path), status) {
				gaps = append(gaps, fmt.Sprintf("%s %s: %d", r.method, r.path, status))
			}
			fmt.Fprintf(&b, " %s |", sign)
		}
		b.WriteString("\n")
	}
	return b.String(), gaps
}

func successes(statuses map[int]bool) string {
	var all []string
	for _, status := range slices.Sorted(maps.Keys(statuses)) {
		if status < 300 {
			all = append(all, fmt.Sprint(status))
		}
	}
	return strings.Join(all, ", ")
}

// applies reports whether a route must be able to answer with a status. That
// it may conflict with something, or that its body may name what is not there,
// is known by its tests alone.
func applies(rt *route, op *openapi3.Operation, status int) bool {
	switch status {
	case 400:
		return rt.upload || op != nil && (op.RequestBody != nil || op.Parameters.GetByInAndName("query", "limit") != nil)
	case 401, 429:
		return !rt.public
	case 403:
		return rt.about.limited && (rt.about.find == nil || rt.does != access.Read)
	case 404:
		return rt.about.find != nil
	case 406:
		return !rt.download
	case 415:
		return hasBody(rt)
	}
	return status == 405 && routesOf("PUT", rt.path)[rt.method].path == rt.path
}
