package api

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"

	"github.com/penstock-data/penstock/internal/engine"
	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/schema"
)

// Rows of a table that a verification lists.
const (
	defaultList = 20
	maxList     = 1000
)

// verify begins a verification.
func (s *server) verify(r *request) (any, error) {
	var req fivetran.VerificationRequest
	if err := r.read(&req); err != nil {
		return nil, err
	}
	c, _, err := s.findConnection(r)
	if err != nil {
		return nil, err
	}
	list := defaultList
	if req.List != nil {
		list = *req.List
	}
	if list < 0 || list > maxList {
		return nil, invalidInput("Invalid value for field 'list': it is a number from 0 to %d", maxList)
	}
	var tables []schema.Name
	if req.Tables != nil {
		if tables, err = s.namedTables(r, req.Tables, "verification"); err != nil {
			return nil, err
		}
	}
	v, err := s.Engine.Verify(r.Context(), r.id(), tables, list)
	if err != nil {
		return nil, s.lookFailed(err, r, "The connection cannot be verified")
	}
	return wireVerification(c, v), nil
}

// lookFailed says what an error of looking at both sides means.
func (s *server) lookFailed(err error, r *request, what string) error {
	if errors.As(err, new(*engine.ServiceError)) && r.Context().Err() == nil {
		return &apiError{400, fivetran.BadRequest, what + ": " + err.Error()}
	}
	return err
}

func (s *server) listVerifications(r *request) (any, error) {
	c, _, err := s.findConnection(r)
	if err != nil {
		return nil, err
	}
	all, err := s.Store.Verifications(r.Context(), r.id(), s.now())
	if err != nil {
		return nil, err
	}
	return newPage(all, "", func(v *store.Verification) fivetran.Verification {
		w := wireVerification(c, v)
		w.Tables = nil
		return w
	}), nil
}

func (s *server) verification(r *request) (any, error) {
	c, _, err := s.findConnection(r)
	if err != nil {
		return nil, err
	}
	v, err := s.Store.Verification(r.Context(), r.id(), r.PathValue("verification"), s.now())
	if err != nil {
		return nil, verificationGone(err, r)
	}
	return wireVerification(c, v), nil
}

// cancelVerification ends a verification that runs; one that has ended stays
// as it is.
func (s *server) cancelVerification(r *request) (any, error) {
	c, _, err := s.findConnection(r)
	if err != nil {
		return nil, err
	}
	v, err := s.Engine.CancelVerification(r.Context(), r.id(), r.PathValue("verification"))
	if err != nil {
		return nil, verificationGone(err, r)
	}
	return wireVerification(c, v), nil
}

func verificationGone(err error, r *request) error {
	return ifGone(err, notFound(fivetran.NotFoundVerification, "Verification '%s' of connection '%s' does not exist.", r.PathValue("verification"), r.id()))
}

func wireVerification(c *store.Connection, v *store.Verification) fivetran.Verification {
	w := fivetran.Verification{
		ID: v.ID, State: v.State, Waiting: v.Waiting, Reason: optional(v.Reason), StartedAt: v.StartedAt, EndedAt: optionalTime(v.EndedAt),
		Total: v.Total, Done: v.Done, Wrong: v.Wrong,
	}
	for _, k := range v.Checks {
		t := fivetran.VerifiedTable{Schema: cmp.Or(k.Table.Schema, c.Service), Table: k.Table.Table, State: k.State}
		var res engine.VerifyResult
		if k.Result != nil && json.Unmarshal(k.Result, &res) == nil {
			t.Destination, t.Error = optional(res.Destination), optional(res.Error)
			t.SourceRows, t.DestinationRows = res.SourceRows, res.DestinationRows
			t.Lost, t.Late, t.Extra, t.Unexamined = res.Lost, res.Late, res.Extra, res.Unexamined
			t.AbsentTable, t.AbsentColumns, t.DifferentColumns, t.MaskedColumns = res.AbsentTable, res.AbsentColumns, res.DifferentColumns, res.MaskedColumns
			for _, d := range res.Differences {
				t.Differences = append(t.Differences, fivetran.RowDifference(d))
			}
		}
		w.Tables = append(w.Tables, t)
	}
	return w
}

// namedTables returns the tables that a request names by schema, which must be
// synced.
func (s *server) namedTables(r *request, scope map[string][]string, of string) ([]schema.Name, error) {
	if len(scope) == 0 {
		return nil, invalidInput("The scope of the %s is empty", of)
	}
	for _, sn := range slices.Sorted(maps.Keys(scope)) {
		if len(scope[sn]) == 0 {
			return nil, invalidInput("The scope of the %s has no tables for schema '%s'", of, sn)
		}
	}
	cfg, cat, err := s.captured(r)
	if err != nil {
		return nil, err
	}
	ch := &change{cfg, cat}
	var tables []schema.Name
	for _, sn := range slices.Sorted(maps.Keys(scope)) {
		for _, tn := range scope[sn] {
			t, err := ch.find(schema.Name{Schema: sn, Table: tn})
			if err != nil {
				return nil, invalidInput("%s", err)
			}
			if err := ch.syncs(t); err != nil {
				return nil, err
			}
			tables = append(tables, t.Name)
		}
	}
	return tables, nil
}

// plan says what the next sync would do, with the changes of the body if there
// are any, which are not kept.
func (s *server) plan(r *request) (any, error) {
	var req fivetran.PlanRequest
	if r.Method == http.MethodPost {
		if err := r.read(&req); err != nil {
			return nil, err
		}
	}
	c, _, err := s.findConnection(r)
	if err != nil {
		return nil, err
	}
	plans, err := s.Engine.Plan(r.Context(), r.id(), func(cfg *schemaconfig.Config, cat *schemaconfig.Catalog) error {
		if err := (&change{cfg, cat}).all(&req.SchemaConfigChange); err != nil || req.Settings == nil {
			return err
		}
		return applySettings(cfg, cat, req.Settings)
	})
	if err != nil {
		return nil, s.lookFailed(err, r, "The plan cannot be made")
	}
	out := fivetran.Plan{SchemaStatus: c.SchemaStatus, Tables: make([]fivetran.TablePlan, len(plans))}
	for i := range plans {
		out.Tables[i] = wirePlan(c, &plans[i])
	}
	return out, nil
}

func wirePlan(c *store.Connection, p *engine.TablePlan) fivetran.TablePlan {
	w := fivetran.TablePlan{
		Schema: cmp.Or(p.Source.Schema, c.Service), Table: p.Source.Table, Create: p.Create, Columns: make([]fivetran.ColumnPlan, len(p.Columns)),
		Load: p.Load, Rows: p.Rows, Why: optional(p.Why), Error: optional(p.Error),
	}
	if p.Destination.Table != "" {
		w.Destination = optional(p.Destination.String())
	}
	if p.Reads() {
		w.SyncMode = optional(p.Mode.String())
	}
	if p.Switch != nil {
		w.SwitchFrom = optional(p.Switch.String())
	}
	for i, col := range p.Columns {
		change := "widen"
		switch {
		case col.Was == "":
			change = "add"
		case col.Type == "":
			change = "drop"
		}
		w.Columns[i] = fivetran.ColumnPlan{Name: col.Name, Change: change, Was: optional(col.Was), Type: optional(col.Type)}
	}
	return w
}
