package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/penstock-data/penstock/internal/pipe"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// A journal gathers what happens in a sync, for the run's log. Events reach
// the store in batches, every few seconds, and the rest with the outcome.
//
// Rows are told of when they are durable: of each table at the first
// checkpoint that comes a minute or more after its rows began to come, five in
// a sync that stays on, and at the end. So the log grows with the time that tables are written to, not with
// their rows nor with the number of checkpoints.
type journal struct {
	now func() time.Time

	mu       sync.Mutex    // guards what follows
	every    time.Duration // between two times that one table's rows are told of, at least
	events   []store.Event
	lost     int                      // events for which there was no room
	writing  map[schema.Name]*writing // tables of which something is to be told, by the source's names
	told     map[schema.Name]rows     // what has been told of each table
	warnings map[setup.Warning]bool   // told
	schemas  map[string]bool          // told
}

// A writing is a table that is being written to.
type writing struct {
	table         schema.Name // the destination's
	since         time.Time
	sent, durable rows
}

// rows are what became of a table's rows.
type rows struct{ upserted, updated, deleted int64 }

const (
	tellEvery    = 2 * time.Second  // how often events go to the store
	tellPatience = 30 * time.Second // how long the store may take for them
	rowsEvery    = time.Minute      // how often the rows of one table are told of, at most
	rowsSlowly   = 5 * time.Minute  // the same in a sync that stays on
	journalRoom  = 20_000           // events that may wait for the store
)

func newJournal(now func() time.Time) *journal {
	return &journal{now: now, every: rowsEvery, writing: map[schema.Name]*writing{}, told: map[schema.Name]rows{},
		warnings: map[setup.Warning]bool{}, schemas: map[string]bool{}}
}

// slow makes it tell of rows as one does of a sync that stays on.
func (j *journal) slow() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.every = rowsSlowly
}

// add adds an event. The caller holds the lock.
func (j *journal) add(level, kind string, data map[string]any) {
	if len(j.events) >= journalRoom {
		j.lost++
		return
	}
	raw, err := json.Marshal(data)
	if err != nil {
		panic(err) // texts and numbers can always be encoded
	}
	j.events = append(j.events, store.Event{Level: level, Kind: kind, Data: raw, At: j.now()})
}

// made is told of a schema made in the destination.
func (j *journal) made(name string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.schemas[name] {
		j.schemas[name] = true
		j.add(store.Info, store.CreateSchema, map[string]any{"schema": name})
	}
}

func (j *journal) defined(d pipe.Definition) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if d.New {
		j.add(store.Info, store.CreateTable, map[string]any{"schema": d.Table.Schema, "name": d.Table.Table, "columns": d.Columns})
		return
	}
	j.add(store.Info, store.AlterTable, map[string]any{"schema": d.Table.Schema, "table": d.Table.Table, "columns": d.Columns})
}

func (j *journal) warned(w setup.Warning) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.warnings[w] {
		j.warnings[w] = true
		j.add(store.Warning, store.Warned, map[string]any{"type": w.Code, "message": w.Message})
	}
}

// observe is told how much of a table has been sent.
func (j *journal) observe(p pipe.Progress) {
	sent := rows{p.Upserted, p.Updated, p.Deleted}
	j.mu.Lock()
	defer j.mu.Unlock()
	w := j.writing[p.Table]
	if w == nil {
		if sent == j.told[p.Table] {
			return
		}
		w = &writing{table: p.Destination, since: j.now(), durable: j.told[p.Table]}
		j.writing[p.Table] = w
		j.add(store.Info, store.WriteStart, about(p.Destination))
	}
	w.sent = sent
}

// durable is told that what was sent so far is in the destination for good.
func (j *journal) durable() {
	j.mu.Lock()
	defer j.mu.Unlock()
	now := j.now()
	for _, name := range j.open() {
		w := j.writing[name]
		w.durable = w.sent
		if now.Sub(w.since) >= j.every {
			j.close(name, w)
		}
	}
}

// open returns the tables that are being written to, in an order that does
// not change. The caller holds the lock.
func (j *journal) open() []schema.Name {
	return slices.SortedFunc(maps.Keys(j.writing), schema.Name.Compare)
}

// close tells of a table's durable rows. The caller holds the lock.
func (j *journal) close(name schema.Name, w *writing) {
	before := j.told[name]
	for _, op := range []struct {
		name  string
		count int64
	}{
		{store.RowsUpserted, w.durable.upserted - before.upserted},
		{store.RowsUpdated, w.durable.updated - before.updated},
		{store.RowsDeleted, w.durable.deleted - before.deleted},
	} {
		if op.count > 0 {
			data := about(w.table)
			data["operationType"], data["count"] = op.name, op.count
			j.add(store.Info, store.RecordsModified, data)
		}
	}
	j.add(store.Info, store.WriteEnd, about(w.table))
	j.told[name] = w.durable
	delete(j.writing, name)
}

func about(table schema.Name) map[string]any {
	return map[string]any{"schema": table.Schema, "table": table.Table}
}

// end returns what the store has not been told, with what the outcome says.
func (j *journal) end(run *store.Run, o *store.Outcome) []store.Event {
	if o.Kind == store.RunSucceeded || o.Kind == store.RunRescheduled {
		j.durable() // the pipe ends with a flush
	}
	for _, a := range o.Warnings {
		if a.Code != store.SyncFailed { // the end of the sync says it
			j.warned(setup.Warning{Code: a.Code, Message: a.Message})
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, name := range j.open() {
		if w := j.writing[name]; w.durable != j.told[name] {
			j.close(name, w)
		}
	}
	if o.Rows > 0 { // a sync that found nothing new says no more than that it was
		j.add(store.Info, store.ExtractSummary, map[string]any{"total_rows": o.Rows})
		j.add(store.Info, store.SyncStats, map[string]any{
			"total_time_s": o.EndedAt.Sub(run.StartedAt).Seconds(), "extract_volume_mb": float64(o.Bytes) / (1 << 20)})
	}
	return j.take()
}

// take returns the events that the store has not been told. The caller holds
// the lock.
func (j *journal) take() []store.Event {
	events := j.events
	if j.lost > 0 {
		j.events, j.lost = nil, 0
		j.add(store.Warning, store.Warned, map[string]any{"type": "log_incomplete",
			"message": fmt.Sprintf("The database did not keep up with the log: what follows the %d events before is missing.", journalRoom)})
		events = append(events, j.events...)
	}
	j.events = nil
	return events
}

// back takes events back that the store did not take, as far as there is room
// beside those that have come since.
func (j *journal) back(events []store.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	all := append(events, j.events...)
	room := min(len(all), journalRoom)
	j.events, j.lost = all[:room], j.lost+len(all)-room
}

// tell tells the store of events from time to time until the function that it
// returns is called. Events whose arrival the store could not confirm in time
// are told again, and may then be there twice: to lose none matters more.
func (j *journal) tell(st *store.Store, t store.Token, log *slog.Logger) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var telling sync.WaitGroup
	telling.Go(func() {
		every := time.NewTicker(tellEvery)
		defer every.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-every.C:
			}
			j.mu.Lock()
			events := j.take()
			j.mu.Unlock()
			limited, done := context.WithTimeout(context.WithoutCancel(ctx), tellPatience)
			err := st.Log(limited, t, events...)
			done()
			if err == nil || errors.Is(err, store.ErrStale) {
				continue
			}
			log.Warn("keep the run's log", "error", err)
			j.back(events)
		}
	})
	return func() {
		cancel()
		telling.Wait()
	}
}
