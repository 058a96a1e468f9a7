package sqlsource

import (
	"context"
	"errors"
	"fmt"

	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// ErrIncomplete means that what was sent of a table is not what the source has,
// and that another full read of it is needed.
var ErrIncomplete = errors.New("it changed in ways that only another full read sets right")

// A Comparison finds out whether rows are gone from the source. The destination
// has at least the source's rows, so equal counts mean equal sets.
type Comparison struct {
	Table schema.Name
	Whole bool // all rows were sent in this round

	Count func() (int64, error) // rows in the source
	Mark  func() error          // marks those that are gone
}

// Compare marks rows that are gone. It returns ErrIncomplete if the destination
// lacks rows and more has to be read to find them.
func (s *Sync) Compare(ctx context.Context, c Comparison) error {
	rows, err := c.Count()
	if err != nil {
		return err
	}
	live, err := s.Live(ctx, c.Table)
	if err != nil {
		return err
	}
	if live > rows {
		if err := c.Mark(); err != nil {
			return err
		}
		if live, err = s.Live(ctx, c.Table); err != nil {
			return err
		}
	}
	if live >= rows {
		return nil
	}
	// Somebody else took rows out of the destination.
	if !c.Whole {
		return ErrIncomplete
	}
	s.out.Warn(setup.Warning{Code: "rows_missing", Message: fmt.Sprintf(
		"table %s has %d rows in the source and %d in the destination after a full read", c.Table, rows, live)})
	return nil
}
