package rest

import (
	"context"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/penstock-data/penstock/schema"
)

// An API says what is read of an API, and for which tables. With it a
// connector's Tables, Sync and Forget are [API.Tables], [API.Sync] and
// [API.Forget].
//
// A sync visits the roots in their order, and for each object of a root its
// Lists. It remembers how far each list of each object is, so that it can be
// broken off anywhere. One pass over everything is a round; it may take several
// syncs. Rows that a list was read for as a whole and did not have are marked
// as deleted at the end of the round, unless some list could not be read. One
// that becomes shorter under way is read again, as rows may have slipped past;
// if it goes on, its rows are marked in the next round.
type API struct {
	Roots []*Resource
	Next  Pager           // of lists that have none of their own; nil: [NextURL] of "next"
	Query string          // of every list, beside its own: "per_page=100"
	Funcs map[string]Func // that columns name

	// Every is about how many requests are made between two checkpoints. 0: 50.
	Every int
}

// Never is a time that does not come: for a Resource whose rows stay, although
// the API has them no more.
const Never = math.MaxInt64

// A Resource is a list of the API, or one object.
type Resource struct {
	// Path is where it is below the Client's base, with its query. Braces hold
	// fields of the object whose list it is: "repos/{full_name}/labels",
	// "{^id}" for those of the one around that. "": the account itself, a root
	// that is not asked for and has Lists only. A table of which one of these
	// may not be read has failed.
	Path string

	// Each is the path of one object of a list whose rows only say which there
	// are: "users/{id}". They are read one by one in the order of their ids, and
	// one that is not found is gone. "": the rows are the objects. If all of
	// them take more than a quarter of an hour, as the Client's Budget goes,
	// they are read as a whole in at most a sixteenth of the time, and
	// otherwise only new ids are, and what is in the Cursor's Window.
	Each string

	// Paths are those of a root's objects, each of which is asked for by
	// itself. nil: Path is that of the list which has them.
	Paths []string

	Header http.Header // nil: none
	Items  string      // the path to the rows in a page: "workflow_runs"; "": the page is the list
	Single bool        // the answer is one object
	Tables []Table     // that each object fills

	// Cursor says how to find what has changed. nil: all is read, unless the
	// list is as it was by its ETag.
	Cursor *Cursor

	// PerLogin says that what the list has depends on who asks. Where the Client
	// has several credentials each asks for it, and what any of them sees counts.
	// The Lists of an object of a root are asked for by those who see it. It is
	// not for lists with a Cursor.
	PerLogin bool

	// Whole is how often the list is read as a whole, for rows that are gone.
	// 0: in every round.
	Whole time.Duration

	// Lists are read for each object of a root, and have a state of their own.
	Lists []*Resource

	// Details are read for each object when it is sent.
	Details []*Resource

	// For returns the paths that a detail has for an object, where Path cannot
	// say. nil: Path.
	For func(ctx context.Context, o *Object) ([]string, error)

	// Empty are statuses that say that there is nothing: 404 is not, as
	// somebody may not be allowed to see what there is.
	Empty []int

	// Met is called for each object before its rows are sent. nil: nothing is.
	Met func(ctx context.Context, o *Object) error

	// Finds are the names of roots with Found paths that Met may call
	// [Object.Find] for.
	Finds []*Resource

	// Found says of a root that its paths are what was found in others, and how
	// long what was read of one is good. 0: it is an ordinary root.
	Found time.Duration

	// Keep are the fields of a root's objects that its Lists need. "id" is
	// always kept: a number that tells them apart.
	Keep []string
}

// A Cursor says how to find what has changed in a list.
type Cursor struct {
	Field    string        // the time of the latest change, or of creation where nothing changes
	LookBack time.Duration // how much earlier than the latest known change reading begins

	// Since is the parameter for the earliest time, where the list is in
	// ascending order of Field then. "": the list is in descending order, and
	// is read as far as rows are new.
	Since string

	// Window is set if the list has all rows from Since on, in whatever order.
	// The look-back is then read in each sync, and rows that were in it and are
	// not any more are deleted; the state keeps their ids, which are numbers.
	Window bool

	// Sorted says that a list with a Window is in ascending order nevertheless,
	// so that a reading can go on in its middle.
	Sorted bool

	Format string        // of Since's value; "": RFC 3339
	Margin time.Duration // how much earlier Since asks, where it is not known which zone it takes times for

	// ID is the field that tells rows apart. "": "id".
	ID string
}

// name is the resource's in the state: the path without its query.
func (r *Resource) name() string {
	name, _, _ := strings.Cut(r.Path, "?")
	return name
}

// tables are the names of those that must be read with the resource: its own,
// its details', and those of what it finds.
func (r *Resource) tables() []string {
	names := r.own()
	for _, d := range r.Details {
		names = append(names, d.tables()...)
	}
	for _, f := range r.Finds {
		names = append(names, f.tables()...)
	}
	return names
}

// own are the names of the tables that the resource's objects fill.
func (r *Resource) own() []string {
	var names []string
	for i := range r.Tables {
		r.Tables[i].walk(func(t *Table) { names = append(names, t.Name) })
	}
	return names
}

// all are the names of the tables that need the resource.
func (r *Resource) all() []string {
	names := r.tables()
	for _, l := range r.Lists {
		names = append(names, l.tables()...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// all visits the resources that have a state: roots and their lists.
func (a *API) all(visit func(*Resource)) {
	for _, root := range a.Roots {
		visit(root)
		for _, l := range root.Lists {
			visit(l)
		}
	}
}

// Tables returns the tables that the resources fill. One that several fill is
// as the first has it.
func (a *API) Tables() []schema.Table {
	var out []schema.Table
	var add func(*Resource)
	add = func(r *Resource) {
		for i := range r.Tables {
			r.Tables[i].walk(func(t *Table) {
				if !slices.ContainsFunc(out, func(s schema.Table) bool { return s.Name.Table == t.Name }) {
					out = append(out, t.Schema())
				}
			})
		}
		for _, d := range r.Details {
			add(d)
		}
	}
	a.all(add)
	return out
}

// expand fills in the braces of a path.
func expand(path string, o *Object) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(path, "{")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		var name string
		name, path, _ = strings.Cut(rest, "}")
		for i, part := range strings.Split(o.Text(name), "/") { // as in "owner/name"
			if i > 0 {
				b.WriteByte('/')
			}
			b.WriteString(url.PathEscape(part))
		}
	}
}
