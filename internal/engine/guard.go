package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/penstock-data/penstock/internal/store"
)

// Sources are asked between syncs what they keep back for a connection, be it
// paused or failing: what nobody reads grows, until a disk is full. See
// [connector.Keeper].
const (
	askEvery   = time.Minute
	askAtMost  = time.Hour       // between two questions to a source that does not answer
	asksAtOnce = 4               // of all sources
	askLease   = 2 * time.Minute // after which another process asks

	drainAt    = 0.25            // of the room that there is, from which on a sync begins although it is not due
	drainApart = 5 * time.Minute // between two of those: what a sync does not free, the next does not either
	warnAt     = 0.5             // of the room that there is

	// warnAnyway is what people are told of where nobody knows how much room
	// there is, in bytes.
	warnAnyway = 10 << 30
)

// Levels of what people are told.
const (
	much    = "much"
	limit   = "limit"   // what the connection allows
	lostLog = "lost"    // the source has let go
	dropped = "dropped" // it was made to
	spilled = "spilled" // into files of this server
)

// guard asks sources what they keep back until ctx is done.
func (e *InProcess) guard(ctx context.Context) {
	var asking sync.WaitGroup
	defer asking.Wait()
	turns := make(chan struct{}, asksAtOnce)
	for ctx.Err() == nil {
		turns <- struct{}{}
		b, err := e.Store.ClaimBacklog(ctx, e.Now(), askLease)
		if b != nil {
			asking.Go(func() {
				defer func() { <-turns }()
				if err := e.ask(ctx, b); err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrNotFound) {
					e.Log.Error("look what the source keeps back", "connection", b.ConnectionID, "error", err)
				}
			})
			continue
		}
		<-turns
		if err != nil && ctx.Err() == nil {
			e.Log.Error("look for sources to be asked", "error", err)
		}
		e.restUntilAsked(ctx)
	}
}

// restUntilAsked waits until a source is to be asked, or the next look.
func (e *InProcess) restUntilAsked(ctx context.Context) {
	wait := e.Look
	if at, err := e.Store.NextBacklog(ctx); err == nil && !at.IsZero() {
		wait = min(wait, max(at.Sub(e.Now()), time.Second))
	}
	select {
	case <-ctx.Done():
	case <-time.After(wait):
	}
}

// ask asks the source of one connection, keeps its answer, and does what is to
// be done.
func (e *InProcess) ask(ctx context.Context, b *store.Backlog) error {
	c, err := e.Store.Connection(ctx, b.ConnectionID)
	if err != nil {
		return err
	}
	got, keeps, err := e.Runner.Backlog(ctx, c)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		b.Failures++
		b.DueAt = e.Now().Add(min(askEvery<<min(b.Failures, 10), askAtMost))
		e.Log.Warn("the source does not say what it keeps back", "connection", c.ID, "error", err)
	case !keeps:
		return e.Store.ForgetBacklog(ctx, c.ID)
	default:
		now := e.Now()
		b.Failures, b.AskedAt, b.DueAt = 0, now, now.Add(askEvery)
		if got.What != "" || b.Level != dropped { // people read why until a sync has set it up again
			b.Level, b.Figures = "", store.Figures{What: got.What, Retained: got.Retained, Limit: got.Limit, Lag: got.Lag, Lost: got.Lost,
				Spilled: got.Spilled, Unspilled: b.Unspilled}
			if c.LogLimit == 0 || got.Retained < c.LogLimit {
				b.Unspilled = ""
			}
		}
	}
	j := judge(c, b)
	if err == nil && j.drop {
		j = e.drop(ctx, c, b, j)
	}
	b.Level = j.level
	if saved := e.Store.SaveBacklog(ctx, b, j.alert); saved != nil || err != nil || !j.drain {
		return saved
	}
	if begun, err := e.drain(ctx, c); begun || err != nil || !j.spill || c.RunID != "" {
		return err
	}
	return e.spill(ctx, c)
}

// A judgement is what follows from a backlog.
type judgement struct {
	level       string
	alert       *store.Alert // nil: people need not know
	drain       bool
	drop, spill bool // as people want it
}

// judge says what follows from what a source keeps back for a connection.
func judge(c *store.Connection, b *store.Backlog) judgement {
	tell := func(level, format string, args ...any) judgement {
		return judgement{level: level, alert: &store.Alert{Code: store.LogKept, Message: fmt.Sprintf(format, args...)}}
	}
	f := &b.Figures
	switch {
	case b.Level == dropped:
		return tell(dropped, "The source kept back %s for this connection (%s), more than log_limit_bytes allows, and was made to let go of it. "+
			"The next sync finds by queries what has changed; in history mode versions in between may be missing.", size(f.Retained), f.What)
	case f.Lost:
		return tell(lostLog, "The source has let go of what it kept back for this connection (%s), because it was more than the server allows. "+
			"The next sync finds by queries what has changed; in history mode versions in between may be missing. "+
			"Raise max_slot_wal_keep_size there, or sync more often.", f.What)
	case c.LogLimit > 0 && f.Retained >= c.LogLimit:
		j := tell(limit, "The source keeps back %s for this connection (%s), as much as log_limit_bytes allows (%s).%s %s",
			size(f.Retained), f.What, size(c.LogLimit), inFiles(c, f), whatToDo(c))
		j.drop, j.spill, j.drain = c.AtLogLimit == store.DropLog, c.AtLogLimit == store.SpillLog, true
		return j
	}
	room := room(c, f)
	share := float64(f.Retained) / float64(max(room, 1))
	switch {
	case room == 0 && f.Retained >= warnAnyway, room > 0 && share >= warnAt:
		j := tell(much, "The source keeps back %s for this connection (%s)%s.%s %s",
			size(f.Retained), f.What, allowed(c, f), inFiles(c, f), whatToDo(c))
		j.drain = true
		return j
	}
	drain := room > 0 && share >= drainAt
	if f.Spilled > 0 {
		j := tell(spilled, "The source kept back as much for this connection (%s) as log_limit_bytes allows.%s %s", f.What, inFiles(c, f), whatToDo(c))
		j.drain = drain
		return j
	}
	return judgement{drain: drain}
}

// room returns how much the source can keep back before it lets go, or people
// want it to stop; 0: nobody knows.
func room(c *store.Connection, f *store.Figures) (room int64) {
	for _, r := range []int64{c.LogLimit, f.Limit} {
		if r > 0 && (room == 0 || r < room) {
			room = r
		}
	}
	return room
}

func allowed(c *store.Connection, f *store.Figures) string {
	switch {
	case c.LogLimit > 0 && (f.Limit == 0 || c.LogLimit <= f.Limit):
		return fmt.Sprintf(" of the %s that log_limit_bytes allows", size(c.LogLimit))
	case f.Limit > 0:
		return fmt.Sprintf(" of the %s at which the server lets go of it", size(f.Limit))
	}
	return ""
}

// inFiles says what was moved to files of this server, and why no more was.
func inFiles(c *store.Connection, f *store.Figures) (text string) {
	if f.Spilled > 0 {
		text = fmt.Sprintf(" %s of its changes were moved to files of this server, which the next sync applies.", size(f.Spilled))
	}
	if f.Unspilled != "" && c.AtLogLimit == store.SpillLog {
		text += fmt.Sprintf(" It could not be moved to files of this server: %s.", f.Unspilled)
	}
	return text
}

// whatToDo says what a person can do about what the source keeps back.
func whatToDo(c *store.Connection) string {
	const otherwise = " If it does not sync for long, set log_limit_bytes and at_log_limit, or delete the connection."
	switch {
	case c.Paused:
		return "Resume the connection, so that it reads it." + otherwise
	case c.Failures > 0:
		return "Mend what makes its syncs fail." + otherwise
	case c.RunID != "":
		return "A sync is reading it. If it does not become less, look for long transactions in the source."
	}
	return "A sync begins to read it. If it does not become less, look for long transactions in the source."
}

// size writes a number of bytes as people read it, so roughly that it does not
// change with every question.
func size(bytes int64) string {
	for _, u := range []struct {
		name  string
		shift uint
	}{{"TB", 40}, {"GB", 30}, {"MB", 20}} {
		if n := float64(bytes) / float64(int64(1)<<u.shift); n >= 1 {
			return fmt.Sprintf("%.2g %s", n, u.name)
		}
	}
	return fmt.Sprintf("%d KB", bytes>>10)
}

// drop makes the source let go, because the connection's owner wants that.
func (e *InProcess) drop(ctx context.Context, c *store.Connection, b *store.Backlog, j judgement) judgement {
	what, err := e.Runner.Release(ctx, c)
	if err != nil {
		e.Log.Error("the source does not let go of what it keeps back", "connection", c.ID, "error", err)
		j.alert.Message += fmt.Sprintf(" It could not be made to let go of it: %v.", err)
		return j
	}
	if what == "" {
		return j
	}
	e.Log.Warn("the source was made to let go of what it kept back", "connection", c.ID, "what", what, "bytes", b.Retained)
	b.Level = dropped
	return judge(c, b)
}

// drain makes a connection sync although it is not due, unless that would do no
// good, and reports whether it did.
func (e *InProcess) drain(ctx context.Context, c *store.Connection) (begun bool, err error) {
	may := func(c *store.Connection) bool {
		return !c.Paused && c.RunID == "" && c.Failures == 0 && c.SetupState == store.Connected &&
			c.TriggeredAt.IsZero() && c.RescheduledFor.IsZero() && e.Now().Sub(c.StartedAt) >= drainApart
	}
	if !may(c) {
		return false, nil
	}
	defer e.poke()
	_, err = e.Store.UpdateConnection(ctx, c.ID, func(c *store.Connection) error {
		if begun = may(c); begun {
			c.TriggeredAt = e.Now()
			e.Log.Info("a sync begins because of what the source keeps back", "connection", c.ID)
		}
		return nil
	})
	return begun, err
}

// A keptLog tells Prometheus what sources keep back, as the store knows it,
// whichever process has asked.
type keptLog struct {
	store *store.Store
	bytes *prometheus.Desc
}

func newKeptLog(s *store.Store) *keptLog {
	return &keptLog{s, prometheus.NewDesc("penstock_source_log_bytes", "What a source keeps back for a connection until it is read.", []string{"connection"}, nil)}
}

// Describe implements [prometheus.Collector].
func (k *keptLog) Describe(to chan<- *prometheus.Desc) { to <- k.bytes }

// Collect implements [prometheus.Collector].
func (k *keptLog) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	all, err := k.store.Backlogs(ctx)
	if err != nil {
		to <- prometheus.NewInvalidMetric(k.bytes, err)
		return
	}
	for _, b := range all {
		if !b.AskedAt.IsZero() {
			to <- prometheus.MustNewConstMetric(k.bytes, prometheus.GaugeValue, float64(b.Retained), b.ConnectionID)
		}
	}
}
