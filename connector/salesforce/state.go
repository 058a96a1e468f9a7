package salesforce

import (
	"encoding/json"
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/schema"
)

// A state says for each table how far it has got.
type state struct {
	Tables map[string]*progress `json:"tables,omitempty"`

	// Deferred are truncates of tables that are read as a whole.
	Deferred connector.Deferred `json:"deferred,omitempty"`

	// Zone is the time zone of the user who is logged in, "" if Salesforce does
	// not tell, as of Zoned. It is asked for once a day, if it is needed.
	Zone  string    `json:"zone,omitempty"`
	Zoned time.Time `json:"zoned,omitzero"`

	// Left are ids of jobs of Bulk API that nobody needs and somebody should
	// delete.
	Left []string `json:"left,omitempty"`

	connector.Pass // of tables
}

// progress is how far one table has got.
type progress struct {
	// Whole is when the last whole reading that has ended began; zero: none did.
	Whole time.Time `json:"whole,omitzero"`

	// Since is the time before which all changes have been read.
	Since time.Time `json:"since,omitzero"`

	// DeletesSince is the same for the log of deletes.
	DeletesSince time.Time `json:"deletes_since,omitzero"`

	// Fields are those that the rows have been read with, and By the ones that
	// they are told apart by and found to have changed; "": it is not known.
	Fields fieldSet `json:"fields,omitempty"`
	By     string   `json:"by,omitempty"`

	// Hash is that of the rows of a table that is no object.
	Hash string `json:"hash,omitempty"`

	Reading *reading `json:"reading,omitempty"` // under way; nil: none
}

// A fieldSet is a set of fields' names, each as four bytes of a hash.
type fieldSet []byte

func fieldsOf(names []string) (s fieldSet) {
	for _, n := range names {
		s = append(s, hashOf(n)...)
	}
	return s
}

func hashOf(name string) []byte {
	h := fnv.New32a()
	h.Write([]byte(name))
	return h.Sum(nil)
}

// covers reports whether all of the names are in s.
func (s fieldSet) covers(names []string) bool {
	have := map[[4]byte]bool{}
	for c := range slices.Chunk(s, 4) {
		have[[4]byte(c)] = true
	}
	return !slices.ContainsFunc(names, func(n string) bool { return !have[[4]byte(hashOf(n))] })
}

// clone returns a copy of p, which may be nil.
func (p *progress) clone() *progress {
	if p == nil {
		return nil
	}
	c := *p
	if p.Reading != nil {
		rd := *p.Reading
		if rd.Job != nil {
			j := *rd.Job
			rd.Job = &j
		}
		c.Reading = &rd
	}
	return &c
}

// A reading goes through the rows of a table once.
type reading struct {
	Whole bool      `json:"whole,omitempty"` // all rows, whenever they changed
	From  time.Time `json:"from,omitzero"`   // of others, those that changed from then on; zero: until Until
	Until time.Time `json:"until"`           // what changes from then on is for the next sync
	After place     `json:"after,omitzero"`  // where it is
	Rows  int64     `json:"rows,omitempty"`  // sent so far
	Job   *job      `json:"job,omitempty"`   // of Bulk API; nil: the rows come by REST
}

// A job is a query job of Bulk API 2.0.
type job struct {
	// ID is "" as long as Salesforce may not have been asked for it, or its
	// answer was lost.
	ID      string    `json:"id,omitempty"`
	Asked   time.Time `json:"asked"`             // when
	Locator string    `json:"locator,omitempty"` // of the next part of the results
}

// keep takes out what is about tables that nobody wants any more.
func (s *state) keep(req connector.Request) {
	kept := slices.Clone(req.Paused)
	for _, t := range req.Tables {
		kept = append(kept, t.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Tables)) {
		if !slices.Contains(kept, tableName(name)) {
			s.drop(name)
		}
	}
}

// drop takes out what is known of a table.
func (s *state) drop(table string) {
	if p := s.Tables[table]; p.Reading != nil && p.Reading.Job != nil && p.Reading.Job.ID != "" {
		s.Left = append(s.Left, p.Reading.Job.ID)
	}
	delete(s.Tables, table)
	s.Redo(table)
}

func tableName(object string) schema.Name { return schema.Name{Schema: sourceSchema, Table: object} }

// Forget implements [connector.Forgetter].
func (s *source) Forget(raw json.RawMessage, tables []schema.Name) (json.RawMessage, error) {
	return connector.ForgetIn(raw, readState, func(st *state) (forgot bool) {
		for _, n := range tables {
			if _, known := st.Tables[n.Table]; !known || n.Schema != sourceSchema {
				continue
			}
			st.drop(n.Table)
			st.Deferred.Forget([]schema.Name{n})
			forgot = true
		}
		return forgot
	})
}

func readState(raw json.RawMessage) (*state, error) {
	s := &state{Tables: map[string]*progress{}}
	return s, connector.ReadState(raw, s)
}
