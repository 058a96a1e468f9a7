package api

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/schema"
)

func (s *server) settings(r *request) (any, error) {
	cfg, err := s.Store.SchemaConfig(r.Context(), r.id())
	if err != nil {
		return nil, err
	}
	return s.shownSettings(r, cfg, r.connection), nil
}

// updateSettings changes what it is given. Masks can be chosen before anybody
// has looked at the source. A sync that is running begins again if what it goes
// by has changed, and the next to begin reads tables again that have another
// filter.
func (s *server) updateSettings(r *request) (any, error) {
	var req fivetran.Settings
	if err := r.read(&req); err != nil {
		return nil, err
	}
	if err := s.checkFollow(r, &req); err != nil {
		return nil, err
	}
	changed := false
	cfg, _, err := s.Store.UpdateFilters(r.Context(), r.id(), func(cfg *schemaconfig.Config, cat *schemaconfig.Catalog) error {
		before := cfg.Clone()
		if err := applySettings(cfg, cat, &req); err != nil {
			return err
		}
		changed = !reflect.DeepEqual(before, *cfg)
		return nil
	})
	if err != nil {
		return nil, err
	}
	c, ends, err := s.updateFollow(r, &req)
	if err != nil {
		return nil, err
	}
	if changed || ends {
		if err := s.Engine.Restart(r.Context(), r.id()); err != nil {
			return nil, err
		}
	}
	return s.shownSettings(r, cfg, c), nil
}

// checkFollow refuses what cannot be asked of a connection as a whole.
func (s *server) checkFollow(r *request, req *fivetran.Settings) error {
	switch {
	case req.LogLimit != nil && *req.LogLimit < 0:
		return invalidInput("Invalid value for field 'log_limit_bytes': it is a number of bytes, or 0 for no limit")
	case req.AtLogLimit != nil && !slices.Contains([]string{store.KeepLog, store.SpillLog, store.DropLog}, *req.AtLogLimit):
		return invalidInput("Invalid value for field 'at_log_limit': it is one of %s, %s, %s", store.KeepLog, store.SpillLog, store.DropLog)
	case req.AtLogGap != nil && *req.AtLogGap != store.HealGap && *req.AtLogGap != store.StopAtGap:
		return invalidInput("Invalid value for field 'at_log_gap': it is one of %s, %s", store.HealGap, store.StopAtGap)
	case !isTrue(req.Continuous):
		return nil
	}
	follows, err := s.Engine.Follows(r.Context(), r.id())
	if err == nil && !follows {
		err = invalidInput("Invalid value for field 'continuous': the source of the connection follows no log. Where its service has an update method that reads a log, such as WAL_PGOUTPUT, set it")
	}
	return err
}

// updateFollow changes what is asked of a connection as a whole, and reports
// whether a sync that runs is to end for it. One that runs when syncs are to
// stay on goes on; another follows it.
func (s *server) updateFollow(r *request, req *fivetran.Settings) (c *store.Connection, ends bool, err error) {
	if req.Continuous == nil && req.LogLimit == nil && req.AtLogLimit == nil && req.AtLogGap == nil {
		return r.connection, false, nil
	}
	c, err = s.Store.UpdateConnection(r.Context(), r.id(), func(c *store.Connection) error {
		if v := req.Continuous; v != nil && *v != c.Continuous {
			c.Continuous, ends = *v, !*v
			switch {
			case !*v || c.Paused || c.SetupState == store.Incomplete:
			case c.RunID != "":
				c.TriggeredAt = s.now()
			default:
				c.StartedAt = time.Time{} // it need not wait for its slot
			}
		}
		if req.LogLimit != nil {
			c.LogLimit = *req.LogLimit
		}
		if req.AtLogLimit != nil {
			c.AtLogLimit = *req.AtLogLimit
		}
		if req.AtLogGap != nil {
			c.AtLogGap = *req.AtLogGap
		}
		return nil
	})
	if err == nil && !ends {
		err = s.Engine.Changed(r.Context(), c.ID)
	}
	return c, ends, err
}

func applySettings(cfg *schemaconfig.Config, cat *schemaconfig.Catalog, req *fivetran.Settings) error {
	if req.CarryRenames != nil {
		cfg.CarryRenames = *req.CarryRenames
	}
	if req.Masks != nil {
		cfg.Masks = nil
		for _, m := range *req.Masks {
			cfg.Masks = append(cfg.Masks, schemaconfig.Mask{Pattern: m.Pattern, How: schemaconfig.Masked(m.How), Keep: m.Keep})
		}
		if err := cfg.Check(); err != nil {
			return invalidInput("Invalid value for field 'masks': %s", err)
		}
	}
	ch := &change{cfg, cat}
	for sn, tables := range req.PausedTables {
		for tn, paused := range tables {
			t, err := ch.find(schema.Name{Schema: sn, Table: tn})
			if err != nil {
				return err
			}
			cfg.TableOf(cat, t.Name).Paused = paused
		}
	}
	for sn, tables := range req.RowFilters {
		for tn, filter := range tables {
			if err := ch.filter(schema.Name{Schema: sn, Table: tn}, filter); err != nil {
				return err
			}
		}
	}
	return nil
}

// filter chooses which rows of a table are copied; nil: all.
func (ch *change) filter(n schema.Name, condition *string) error {
	t, err := ch.find(n)
	if err != nil {
		return err
	}
	text := ""
	if condition != nil {
		if text = *condition; strings.TrimSpace(text) == "" {
			return invalidInput("Invalid value for field 'row_filters': the condition for table '%s' of schema '%s' is empty; null removes it", n.Table, n.Schema)
		}
	}
	if err := ch.cfg.SetFilter(ch.cat, t, text); err != nil {
		return invalidInput("Invalid value for field 'row_filters': the condition for table '%s' of schema '%s' cannot be used: %s", n.Table, n.Schema, err)
	}
	return nil
}

// shownSettings answers with settings. A source that cannot be opened follows
// nothing.
func (s *server) shownSettings(r *request, cfg *schemaconfig.Config, c *store.Connection) fivetran.ShownSettings {
	follows, err := s.Engine.Follows(r.Context(), r.id())
	return fivetran.ShownSettings{Settings: wireSettings(cfg, c), CanFollow: err == nil && follows}
}

func wireSettings(cfg *schemaconfig.Config, c *store.Connection) fivetran.Settings {
	masks := make([]fivetran.Mask, len(cfg.Masks))
	for i, m := range cfg.Masks {
		masks[i] = fivetran.Mask{Pattern: m.Pattern, How: string(m.How), Keep: m.Keep}
	}
	paused, filters := map[string]map[string]bool{}, map[string]map[string]*string{}
	for sn, sc := range cfg.Schemas {
		for tn, t := range sc.Tables {
			if t.Paused {
				put(paused, sn, tn, true)
			}
			if t.Filter != "" {
				put(filters, sn, tn, &t.Filter)
			}
		}
	}
	return fivetran.Settings{Masks: &masks, CarryRenames: &cfg.CarryRenames, PausedTables: paused, RowFilters: filters,
		Continuous: &c.Continuous, LogLimit: &c.LogLimit, AtLogLimit: &c.AtLogLimit, AtLogGap: &c.AtLogGap}
}

func put[T any](m map[string]map[string]T, sn, tn string, v T) {
	if m[sn] == nil {
		m[sn] = map[string]T{}
	}
	m[sn][tn] = v
}
