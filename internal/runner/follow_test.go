package runner

import (
	"testing"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/setup"
)

// TestFollowsNothing asks of services that this program cannot open.
func TestFollowsNothing(t *testing.T) {
	r := New(Config{Connectors: []connector.Service{{ID: "ads", Absent: &setup.Problem{Message: "There is no connector for it."}}}})
	for _, service := range []string{"ads", "unknown"} {
		if follows, err := r.Follows(&store.Connection{Service: service}); follows || err != nil {
			t.Errorf("%s: %v, %v", service, follows, err)
		}
	}
}
