package salesforce

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/penstock-data/penstock/connector/rest"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// Tables implements [connector.Source].
func (s *source) Tables(ctx context.Context, warn func(setup.Warning)) ([]schema.Table, error) {
	if err := s.connect(ctx); err != nil {
		return nil, err
	}
	names, left, err := s.api.objectNames(ctx)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, &setup.Problem{Code: "permission_denied", Message: noObjects}
	}
	warnOfLeft(left, warn)
	clear(s.objects)
	if err := s.api.describe(ctx, names, func(name string, err error) {
		warn(setup.Warning{Code: "table_skipped", Message: fmt.Sprintf("Object %s was left out: Salesforce does not describe it: %v", name, err)})
	}); err != nil {
		return nil, err
	}
	tables := slices.Clone(ownTables)
	for _, o := range s.objects {
		tables = append(tables, o.table())
	}
	slices.SortFunc(tables, func(a, b schema.Table) int { return cmp.Compare(a.Table, b.Table) })
	return tables, nil
}

// objectNames returns the names of the objects that have tables, and of those
// that people would expect to have one.
func (a *api) objectNames(ctx context.Context) (names, left []string, err error) {
	var r rest.Reply
	err = a.get(ctx, a.path("sobjects"), &r)
	if status := rest.Status(err); status == http.StatusNotFound || status == http.StatusGone {
		if err := a.chooseVersion(ctx); err != nil {
			return nil, nil, err
		}
		err = a.get(ctx, a.path("sobjects"), &r)
	}
	if err != nil {
		return nil, nil, err
	}
	for _, o := range r.Value.GetArray("sobjects") {
		name := string(o.GetStringBytes("name"))
		switch {
		case queryable(o):
			names = append(names, name)
		case slices.ContainsFunc(apart, func(k kindApart) bool { return strings.HasSuffix(name, k.suffix) }):
			left = append(left, name)
		}
	}
	return names, left, nil
}

// A kindApart is a kind of custom objects that have no table.
type kindApart struct{ suffix, name, why string }

// apart are those of which all rows cannot be had ("SOQL with Big Objects", SOQL
// and SOSL Reference; "External Objects", Object Reference, 2026-11).
var apart = []kindApart{
	{"__b", "big objects", "Salesforce gives their rows only to queries that name values of their index, without ids, counts or deletes"},
	{"__x", "external objects", "their rows are in another system, which is asked for them each time: connect that system itself"},
}

// warnOfLeft says which objects have no table.
func warnOfLeft(left []string, warn func(setup.Warning)) {
	for _, k := range apart {
		some := slices.DeleteFunc(slices.Clone(left), func(n string) bool { return !strings.HasSuffix(n, k.suffix) })
		if len(some) > 0 {
			warn(setup.Warning{Code: "table_skipped", Message: fmt.Sprintf("The %s %s were left out: %s.", k.name, strings.Join(some, ", "), k.why)})
		}
	}
}

// chooseVersion takes the latest version that the server has, and none after
// the one that this package was written for if there is an earlier one.
func (a *api) chooseVersion(ctx context.Context) error {
	var r rest.Reply
	if err := a.get(ctx, "services/data", &r); err != nil {
		return err
	}
	number := func(v string) int {
		n := 0
		fmt.Sscanf(strings.TrimPrefix(v, "v"), "%d", &n)
		return n
	}
	best := 0
	for _, v := range r.Value.GetArray() {
		n := number(string(v.GetStringBytes("version")))
		if n <= number(version) && n > best || best == 0 {
			best = n
		}
	}
	if best == 0 {
		return fmt.Errorf("%s names no version of its API", a.name)
	}
	a.version = fmt.Sprintf("v%d.0", best)
	return nil
}

// describe describes objects, into a.objects. skip is told of those that
// Salesforce does not describe: it was asked for each of them alone, too.
func (a *api) describe(ctx context.Context, names []string, skip func(name string, err error)) error {
	for some := range slices.Chunk(names, mostTogether) {
		var requests []subrequest
		for _, name := range some {
			requests = append(requests, subrequest{address: a.path("sobjects", name, "describe")})
		}
		var r, alone rest.Reply
		err := a.together(ctx, requests, &r, func(i int, v *fastjson.Value, err error) error {
			if err != nil {
				err = a.get(ctx, requests[i].address, &alone)
				v = alone.Value
			}
			var refused *rest.StatusError
			switch {
			case err == nil:
				if o := describe(v, a.config.SyncFormulaFields); len(o.fields) > 0 {
					a.objects[o.name] = o
				}
			case setup.AsProblem(err) == nil && errors.As(err, &refused) && !rest.Passing(refused.Status):
				skip(some[i], err)
			default:
				return err
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
