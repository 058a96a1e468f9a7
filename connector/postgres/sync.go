package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/sqlsource"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// A run is one sync. It is the database of sqlsource.
type run struct {
	*sqlsource.Sync
	source *source
	req    connector.Request
	out    connector.Output
	state  *state
	log    *follower // nil: changes are found by queries
}

// Sync implements connector.Source.
func (s *source) Sync(ctx context.Context, req connector.Request, out connector.Output) error {
	if p := s.usable(); p != nil {
		return p
	}
	st, err := parseState(req.State)
	if err != nil {
		return err
	}
	r := &run{Sync: sqlsource.New(st, req, out, s.limits()), source: s, req: req, out: out, state: st}
	if s.UpdateMethod == byLog {
		err = r.follow(ctx)
	} else {
		err = r.query(ctx)
	}
	return sqlsource.Outcome(err, func(err error) error { return s.readError(ctx, err) })
}

func (r *run) query(ctx context.Context) error {
	if log := r.state.Log; log != nil {
		r.abandon(log)
		leaveLog(r.state)
		r.Touch()
		if err := (&spill{dir: r.source.env.Folder}).remove(); err != nil {
			return err
		}
	}
	return sqlsource.Query(ctx, r.Sync, r)
}

func (r *run) follow(ctx context.Context) (err error) {
	if r.log, err = r.startLog(ctx); err != nil {
		return err
	}
	defer r.log.close(ctx)
	return sqlsource.Follow(ctx, r.Sync, r, r.log.Follower)
}

// A round is a snapshot with its catalog. It is the view of sqlsource.
type round struct {
	*snapshot
	run    *run
	tables map[schema.Name]*relation
}

// View implements sqlsource.Database.
func (r *run) View(ctx context.Context, names map[schema.Name]bool) (_ sqlsource.View[*worker], err error) {
	v := &round{run: r, tables: make(map[schema.Name]*relation, len(names))}
	if r.log != nil {
		v.snapshot, err = r.log.fitting(ctx)
	} else {
		v.snapshot, err = r.source.snapshot(ctx)
	}
	if err != nil {
		return nil, err
	}
	if err := v.look(ctx, names); err != nil {
		v.Close(ctx)
		return nil, err
	}
	return v, nil
}

// look reads the catalog.
func (v *round) look(ctx context.Context, names map[schema.Name]bool) error {
	r, snap := v.run, v.snapshot
	if r.log != nil && snap.origin != r.state.Origin {
		return fmt.Errorf("another server answers at %s than when the sync began", r.source.address())
	}
	r.belongTo(snap.origin)
	cat, err := readCatalog(ctx, snap.conn, snap.version, func(n schema.Name) bool { return names[n] })
	if err != nil {
		return err
	}
	snap.asciiOnly, snap.utf8 = cat.asciiOnly, cat.utf8
	for _, rel := range cat.tables {
		v.tables[rel.name()] = rel
	}
	if r.log == nil {
		return nil
	}
	return r.log.learn(ctx, snap, cat)
}

// Plan implements sqlsource.View.
func (v *round) Plan(want *schema.Table) (sqlsource.Table[*worker], error) {
	t, err := v.run.plan(v.tables[want.Name], want, v.snapshot)
	if err != nil || t == nil || t.st.Log != nil {
		return nil, err
	}
	return t, nil
}

// Worker implements sqlsource.View.
func (v *round) Worker() *worker {
	return &worker{source: v.run.source, snap: v.snapshot, buf: make([]byte, bulkBytes)}
}

// Settle implements sqlsource.View.
func (v *round) Settle(ctx context.Context) error { return v.settle(ctx) }

// Close implements sqlsource.View.
func (v *round) Close(ctx context.Context) { v.close(ctx) }

// belongTo begins the state anew if it is of another history.
func (r *run) belongTo(origin string) {
	if r.state.Belong(origin) {
		r.Touch()
	}
}

// write sends a batch on.
func (t *reading) write(ctx context.Context, b schema.Batch) error {
	return t.run.Write(ctx, b, t.mode != blind)
}

// describe puts an error about a table into the words for [Output.Fail]. What
// the server says of bad data quotes them, which discreet forbids.
func describe(table schema.Name, err error, discreet bool) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		if discreet && strings.HasPrefix(pg.Code, "22") {
			return fmt.Errorf("table %s: the server cannot read a value (SQLSTATE %s)", table, pg.Code)
		}
		text := fmt.Sprintf("table %s: %s (SQLSTATE %s)", table, pg.Message, pg.Code)
		if pg.Code == "42501" {
			return &setup.Problem{Code: "permission_denied", Message: text + "; grant SELECT on it to the role"}
		}
		return errors.New(text)
	}
	return fmt.Errorf("table %s: %w", table, err)
}
