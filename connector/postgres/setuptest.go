package postgres

import (
	"context"
	"fmt"

	"github.com/penstock-data/penstock/setup"
)

func tooOld(version int) *setup.Problem {
	return &setup.Problem{
		Code:    "version_too_old",
		Message: fmt.Sprintf("the server has version %d; %d is the oldest that can be read", version/10000, minVersion/10000),
	}
}

// Test implements connector.Source.
func (s *source) Test(ctx context.Context) []setup.TestResult { return nil }
