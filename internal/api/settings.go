package api

import (
	"reflect"
	"strings"

	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/schema"
)

func (s *server) settings(r *request) (any, error) {
	cfg, err := s.Store.SchemaConfig(r.Context(), r.id())
	if err != nil {
		return nil, err
	}
	return wireSettings(cfg), nil
}

// updateSettings changes what it is given. Masks can be chosen before anybody
// has looked at the source. A sync that is running begins again, and the next
// to begin reads tables again that have another filter.
func (s *server) updateSettings(r *request) (any, error) {
	var req fivetran.Settings
	if err := r.read(&req); err != nil {
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
	if changed {
		if err := s.Engine.Restart(r.Context(), r.id()); err != nil {
			return nil, err
		}
	}
	return wireSettings(cfg), nil
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

func wireSettings(cfg *schemaconfig.Config) fivetran.Settings {
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
	return fivetran.Settings{Masks: &masks, CarryRenames: &cfg.CarryRenames, PausedTables: paused, RowFilters: filters}
}

func put[T any](m map[string]map[string]T, sn, tn string, v T) {
	if m[sn] == nil {
		m[sn] = map[string]T{}
	}
	m[sn][tn] = v
}
