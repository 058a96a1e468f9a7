package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/penstock-data/penstock/setup"
)

// Titles of the setup tests.
const (
	testConnect = "Connecting to the server"
	testCreate  = "Permission to create schemas"
)

func (w *warehouse) Test(ctx context.Context) []setup.TestResult {
	results := setup.NewResults(ctx)
	c, err := w.connect(ctx)
	if err != nil {
		return results.Add(setup.Failure(testConnect, err))
	}
	results.Add(setup.TestResult{Title: testConnect, Status: setup.Passed})
	defer c.Close(context.WithoutCancel(ctx))
	creates := setup.TestResult{Title: testCreate, Status: setup.Passed}
	rows, err := conn{w, c}.rows(ctx, "SELECT has_database_privilege(current_database(), 'CREATE'), has_database_privilege(current_database(), 'TEMPORARY'), pg_is_in_recovery()")
	if err != nil {
		creates.Status, creates.Message = setup.Failed, err.Error()
		return results.Add(creates)
	}
	var missing []string
	for i, privilege := range []string{"CREATE", "TEMPORARY"} {
		if string(rows[0][i]) != "t" {
			missing = append(missing, privilege)
		}
	}
	switch {
	case string(rows[0][2]) == "t":
		creates.Status, creates.Message = setup.Failed, fmt.Sprintf("The server %s is a standby, which cannot be written to. Name the primary server.", w.server())
	case len(missing) > 0:
		creates.Status, creates.Message = setup.Failed, fmt.Sprintf("The user %q lacks a privilege on the database %q. Run: GRANT %s ON DATABASE %s TO %s",
			w.User, w.Database, strings.Join(missing, ", "), quote(w.Database), quote(w.User))
	}
	return results.Add(creates)
}
