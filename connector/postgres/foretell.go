package postgres

import (
	"context"
	"encoding/json"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/schema"
)

var _ connector.Foreteller = (*source)(nil)

// Foretell implements connector.Foreteller. Files that were written anew, and
// horizons that are too old, show in a Sync only.
func (s *source) Foretell(ctx context.Context, raw json.RawMessage, tables []schema.Table) (map[schema.Name]connector.Anew, error) {
	st, err := parseState(raw)
	if err != nil {
		return nil, err
	}
	conn, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	version, err := serverVersion(ctx, conn)
	if err != nil {
		return nil, s.readError(ctx, err)
	}
	wanted := map[schema.Name]*schema.Table{}
	for i := range tables {
		wanted[tables[i].Name] = &tables[i]
	}
	cat, err := readCatalog(ctx, conn, version, func(n schema.Name) bool { return wanted[n] != nil })
	if err != nil {
		return nil, s.readError(ctx, err)
	}
	foreign := st.Origin != origin(ctx, conn) // the state is another database's
	out := map[schema.Name]connector.Anew{}
	for _, rel := range cat.tables {
		t := &reading{rel: rel, keyed: rel.keyed(), st: st.Table(rel.name())}
		t.choose(wanted[rel.name()])
		t.divide()
		switch {
		case t.mode == blind:
			out[rel.name()] = connector.AnewAlways
		case t.st == nil || foreign:
			out[rel.name()] = connector.AnewUnknown
		case t.columnsMissing():
			out[rel.name()] = connector.AnewColumns
		}
	}
	return out, nil
}
