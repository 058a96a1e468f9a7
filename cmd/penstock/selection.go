package main

import (
	"context"
	"errors"
	"path"
	"slices"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/schema"
)

// A selection is what a command copies from where to where, and what becomes of
// it on the way.
type selection struct {
	Source      string   `arg:"" env:"PENSTOCK_SOURCE" help:"URL of the source: postgres://user@host/database, 15five:?api_key=$${KEY}. $${NAME} stands for an environment variable, which keeps secrets out of the process list."`
	Destination string   `arg:"" env:"PENSTOCK_DESTINATION" help:"URL of the destination: duckdb:FILE, FILE.duckdb, postgres://user@host/database, mysql://user@host/database, mariadb://user@host/database."`
	Table       []string `help:"Only this table (schema.table; * matches); may be repeated." placeholder:"TABLE"`
	Block       []string `help:"Leave out this column (schema.table.column; * matches); may be repeated. Key columns cannot be." placeholder:"COLUMN"`
	Drop        []string `help:"Leave out this column, and drop it from the destination (schema.table.column; * matches); may be repeated." placeholder:"COLUMN"`
	Hash        []string `help:"Hash this column (schema.table.column; * matches) before it leaves this program; may be repeated." placeholder:"COLUMN"`
	HashKey     string   `env:"PENSTOCK_HASH_KEY" help:"Secret under which columns are hashed: the same values have the same hashes under it." placeholder:"SECRET"`
	Filter      []string `sep:"none" help:"Copy only rows that meet a condition: schema.table: region = 'EU' AND created_at >= '2025-01-01'; may be repeated." placeholder:"TABLE: CONDITION"`
	Schema      string   `help:"Destination schema. Default: the source's own schema names, or the service's id."`
	State       string   `help:"File that remembers how far the sync got: the next one with it reads only what changed." placeholder:"FILE"`
}

// schemaNames returns what pipe.Plan.Schema is by the options.
func (c *selection) schemaNames(s *connector.Service) func(string) string {
	return func(source string) string {
		switch {
		case c.Schema != "" && s.SchemaFormat == connector.FormatSchemaPrefix:
			return c.Schema + "_" + s.Naming.Schema(source)
		case c.Schema != "":
			return c.Schema
		case source == "":
			return s.Naming.Schema("_" + s.ID)
		}
		return s.Naming.Schema(source)
	}
}

// needsKey refuses to hash without a secret.
func (c *selection) needsKey() error {
	if len(c.Hash) > 0 && c.HashKey == "" {
		return errors.New("--hash needs a secret: set PENSTOCK_HASH_KEY")
	}
	return nil
}

// choose returns what pipe.Plan.Choose is by the options.
func (c *selection) choose(service *connector.Service, rows filters) func(context.Context, []schema.Table) (map[schema.Name]schemaconfig.Treatment, error) {
	return func(_ context.Context, offered []schema.Table) (map[schema.Name]schemaconfig.Treatment, error) {
		config := &schemaconfig.Config{}
		for _, p := range c.Hash {
			config.Masks = append(config.Masks, schemaconfig.Mask{Pattern: p, How: schemaconfig.MaskHash})
		}
		if err := errors.Join(config.Check(), rows.check(offered)); err != nil {
			return nil, err
		}
		out := map[schema.Name]schemaconfig.Treatment{}
		cat := &schemaconfig.Catalog{Unnamed: service.ID}
		for _, t := range offered {
			if !c.wants(t.Name) {
				continue
			}
			full := func(column string) string { return cat.Schema(t.Schema) + "." + t.Table + "." + column }
			blocked := func(column string) bool { return matches(c.Block, full(column)) || matches(c.Drop, full(column)) }
			for _, col := range t.Columns {
				if blocked(col.Name) {
					choice := config.ColumnOf(cat, t.Name, col.Name)
					choice.Enabled, choice.Drop = new(false), matches(c.Drop, full(col.Name))
				}
			}
			if f := rows[t.Name]; f != nil {
				config.TableOf(cat, t.Name).Filter = f.String()
			}
			treat := schemaconfig.Resolve(config, cat, t)
			other := treat.Other
			treat.Other = func(column string) schemaconfig.ColumnTreatment {
				how := other(column)
				how.Blocked = blocked(column)
				return how
			}
			out[t.Name] = treat
		}
		return out, nil
	}
}

func matches(patterns []string, column string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return schemaconfig.Mask{Pattern: p}.Matches(column) })
}

func (c *selection) wants(n schema.Name) bool {
	if len(c.Table) == 0 {
		return true
	}
	for _, pattern := range c.Table {
		whole, _ := path.Match(pattern, n.String())
		short, _ := path.Match(pattern, n.Table)
		if whole || short {
			return true
		}
	}
	return false
}
