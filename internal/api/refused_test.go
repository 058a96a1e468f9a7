package api

import (
	"strings"
	"testing"

	"github.com/penstock-data/penstock/internal/access"
)

// A refused is a request that is not done, and why.
type refused struct {
	name, method, path, body, role string
	status                         int
	code, message                  string
}

const forbidden = "You do not have permission to perform this operation"

// refuses makes requests as callers of several roles, "" for the owner, with
// ids put in.
func refuses(t *testing.T, root *env, ids *strings.Replacer, all []refused) {
	as := map[string]*env{"": root}
	for _, role := range []string{access.Reviewer, nobodys} {
		e := *root
		e.login(t, role)
		as[role] = &e
	}
	for _, tt := range all {
		t.Run(tt.name, func(t *testing.T) {
			e := *as[tt.role]
			e.t = t
			a := e.do(tt.method, ids.Replace(tt.path), ids.Replace(tt.body))
			if a.status != tt.status || a.code != tt.code || a.message != ids.Replace(tt.message) {
				t.Errorf("got  %d %s %q\nwant %d %s %q", a.status, a.code, a.message, tt.status, tt.code, ids.Replace(tt.message))
			}
			if a := e.do(tt.method, ids.Replace(tt.path), ids.Replace(tt.body), "-"); a.status != 401 {
				t.Errorf("without a key: %d", a.status)
			}
		})
	}
}
