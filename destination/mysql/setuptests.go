package mysql

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/penstock-data/penstock/setup"
)

// Titles of the setup tests.
const (
	testConnect = "Connecting to the server"
	testCreate  = "Permission to create databases and tables"
	testInfile  = "Loading by LOAD DATA LOCAL"
)

func (w *warehouse) Test(ctx context.Context) []setup.TestResult {
	results := setup.NewResults(ctx)
	c, err := w.connect(ctx)
	if err != nil {
		return results.Add(setup.Failure(testConnect, err))
	}
	results.Add(setup.TestResult{Title: testConnect, Status: setup.Passed})
	defer c.Close()
	results.Add(w.testCreate(ctx, c))
	return results.Add(w.testInfile(c.infile))
}

func (w *warehouse) testInfile(allowed bool) setup.TestResult {
	if allowed {
		return setup.TestResult{Title: testInfile, Status: setup.Passed}
	}
	return setup.TestResult{Title: testInfile, Status: setup.Warned, Message: fmt.Sprintf(
		"The server %s has local_infile off. Rows travel in INSERT statements instead, which takes longer. To turn it on, run SET GLOBAL local_infile = ON, and put local_infile = ON into the server's configuration.", w.server())}
}

// needed are the privileges for what a sync does.
var needed = []string{"SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "INDEX", "DROP"}

func (w *warehouse) testCreate(ctx context.Context, c *conn) setup.TestResult {
	r := setup.TestResult{Title: testCreate, Status: setup.Passed}
	fail := func(status setup.Status, message string) setup.TestResult {
		r.Status, r.Message = status, message
		return r
	}
	who, err := c.rows(ctx, "SELECT current_user(), @@read_only")
	if err != nil {
		return fail(setup.Failed, err.Error())
	}
	account, host, _ := strings.Cut(who[0][0], "@")
	user := quoteText(account) + "@" + quoteText(host)
	if err := c.run(ctx, "CREATE TEMPORARY TABLE penstock_test (id bigint) ENGINE = InnoDB"); err != nil {
		if p := setup.AsProblem(err); p == nil || p.Code != "permission_denied" {
			return fail(setup.Failed, err.Error())
		}
		return fail(setup.Failed, fmt.Sprintf("The user %q may not make temporary tables in the database %q, in which rows wait. Run: GRANT CREATE TEMPORARY TABLES, SELECT, INSERT, UPDATE, DELETE, ALTER, INDEX, DROP ON %s.* TO %s", w.User, w.Database, quote(w.Database), user))
	}
	grants, err := c.rows(ctx, "SHOW GRANTS")
	if err != nil {
		return fail(setup.Failed, err.Error())
	}
	everywhere, somewhere := granted(grants)
	missing := slices.DeleteFunc(slices.Clone(needed), func(p string) bool { return slices.Contains(everywhere, p) })
	if len(missing) == 0 {
		return r
	}
	advice := fmt.Sprintf("Run: GRANT %s ON *.* TO %s", strings.Join(needed, ", "), user)
	if somewhere {
		return fail(setup.Warned, fmt.Sprintf("The user %q may create tables in some databases only. Tables of schemas that are called otherwise cannot be written. %s", w.User, advice))
	}
	return fail(setup.Failed, fmt.Sprintf("The user %q lacks the privileges %s. %s", w.User, strings.Join(missing, ", "), advice))
}

// granted reads SHOW GRANTS: the privileges on all databases, and whether
// tables may be made in any. A role's privileges count once it is enabled, and
// what an enabled role has is listed too.
func granted(grants [][]string) (everywhere []string, somewhere bool) {
	for _, g := range grants {
		list, rest, ok := strings.Cut(strings.TrimPrefix(g[0], "GRANT "), " ON ")
		if !ok || strings.HasPrefix(rest, "PROXY") {
			continue
		}
		privileges := strings.Split(list, ", ")
		if list == "ALL PRIVILEGES" {
			privileges = needed
		}
		if strings.HasPrefix(rest, "*.* ") {
			everywhere = append(everywhere, privileges...)
		}
		somewhere = somewhere || slices.Contains(privileges, "CREATE")
	}
	return everywhere, somewhere
}
