package pipe

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// drop drops the blocked columns that the destination's table is to lose. One
// that the destination does not let go of is a warning.
func (o *output) drop(ctx context.Context, t *table) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, name := range t.treat.Drop {
		column := o.called(t, name)
		if !o.taken(t, column) {
			err := o.plan.Writer.Drop(ctx, t.destination, column)
			var own *destination.TableError
			if errors.As(err, &own) {
				o.Warn(setup.Warning{Code: "column_not_dropped", Message: fmt.Sprintf(
					"Column %s of table %s was not dropped from the destination: %s. The next sync tries again, unless the column is enabled.",
					column, t.destination, strings.TrimSuffix(err.Error(), "."))})
				continue
			}
			if err != nil {
				return t.own(fmt.Errorf("drop column %s of %s: %w", column, t.destination, err))
			}
			left := slices.DeleteFunc(slices.Clone(t.target.Columns), func(c schema.Column) bool { return c.Name == column })
			t.target = &schema.Table{Name: t.target.Name, Mode: t.target.Mode, Columns: left}
		}
		t.done.Dropped = append(t.done.Dropped, name)
	}
	return nil
}

// taken reports whether a column of the destination is that of a column which
// is not blocked, of those that rows had in earlier syncs too, or a system
// column. Then a blocked one of the same name has none.
func (o *output) taken(t *table, column string) bool {
	return slices.Contains(reserved(t.treat.Mode), column) || slices.Contains(slices.Collect(maps.Values(t.columns)), column) ||
		slices.ContainsFunc(t.treat.Found, func(name string) bool {
			return !t.treat.Column(name).Blocked && o.called(t, name) == column
		})
}
