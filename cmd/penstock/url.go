package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/all"
	"github.com/penstock-data/penstock/destination"
	destinations "github.com/penstock-data/penstock/destination/all"
	"github.com/penstock-data/penstock/destination/mysql"
	"github.com/penstock-data/penstock/setup"
)

// aliases are URL schemes that people write for a service's id.
var (
	sourceAliases      = map[string]string{"postgresql": "postgres"}
	destinationAliases = map[string]string{"postgres": "postgres_warehouse", "postgresql": "postgres_warehouse",
		"mysql": "mysql_warehouse", "mariadb": "maria_warehouse"}
)

// passwordVariable names the variable in which a database's own tools find a
// password that a URL does not have.
func passwordVariable(scheme string) string {
	id := cmp.Or(destinationAliases[scheme], scheme)
	if slices.ContainsFunc(mysql.Services, func(s destination.Service) bool { return s.ID == id }) {
		return "MYSQL_PWD"
	}
	return "PGPASSWORD"
}

// openSource makes a source from a URL such as postgres://user@host/db or
// 15five:?api_key=${KEY}: the scheme is the service, and what the URL has goes
// into the config fields of the same name.
func openSource(raw string, env connector.Env) (connector.Source, *connector.Service, error) {
	u, err := parseURL(raw)
	if err != nil {
		return nil, nil, fmt.Errorf("source: %w", err)
	}
	id := u.Scheme
	if a, ok := sourceAliases[id]; ok {
		id = a
	}
	i := slices.IndexFunc(all.Services, func(s connector.Service) bool { return s.ID == id })
	if i < 0 {
		return nil, nil, fmt.Errorf("source: there is no connector %q; `penstock connectors` lists them", id)
	}
	s := &all.Services[i]
	// The destination's schema is not the source's business here, but its
	// config asks for it.
	config := map[string]any{"schema": s.ID, "schema_prefix": s.ID}
	js, err := fill(u, s.Whole(), config)
	if err != nil {
		return nil, nil, fmt.Errorf("source %s: %w", s.ID, err)
	}
	src, err := s.Open(js, env)
	if err != nil {
		return nil, nil, fmt.Errorf("source %s: %w", s.ID, err)
	}
	return src, s, nil
}

// openDestination makes a destination from a URL such as duckdb:shop.duckdb
// or postgres://user@host/db or mysql://user@host/db, or from the path of a
// .duckdb file.
func openDestination(raw string) (destination.Destination, *destination.Service, error) {
	if strings.HasSuffix(raw, ".duckdb") && !strings.Contains(raw, ":") {
		raw = "duckdb:" + raw
	}
	u, err := parseURL(raw)
	if err != nil {
		return nil, nil, fmt.Errorf("destination: %w", err)
	}
	id := u.Scheme
	if a, ok := destinationAliases[id]; ok {
		id = a
	}
	i := slices.IndexFunc(destinations.Services, func(s destination.Service) bool { return s.ID == id })
	if i < 0 {
		return nil, nil, fmt.Errorf("destination: there is no destination %q; `penstock connectors` lists them", id)
	}
	s := &destinations.Services[i]
	js, err := fill(u, s.Config, map[string]any{})
	if err != nil {
		return nil, nil, fmt.Errorf("destination %s: %w", s.ID, err)
	}
	d, err := s.Open(js, destination.Env{})
	if err != nil {
		return nil, nil, fmt.Errorf("destination %s: %w", s.ID, err)
	}
	return d, s, nil
}

// parseURL parses a URL after putting environment variables into it, so that
// secrets need not stand in the process list. Its errors do not quote it.
func parseURL(raw string) (*url.URL, error) {
	var missing []string
	expanded := os.Expand(raw, func(name string) string {
		v, ok := os.LookupEnv(name)
		if !ok {
			missing = append(missing, name)
		}
		return url.QueryEscape(v)
	})
	if len(missing) > 0 {
		return nil, fmt.Errorf("the URL names environment variables that are not set: %s", strings.Join(missing, ", "))
	}
	// A service's id may begin with a digit, which a URL's scheme may not.
	scheme, rest, ok := strings.Cut(expanded, ":")
	u, err := url.Parse("x:" + rest)
	if err != nil || !ok || scheme == "" {
		return nil, fmt.Errorf("this is no URL of the form service://…")
	}
	u.Scheme = scheme
	return u, nil
}

// fill makes a config from the parts of a URL.
func fill(u *url.URL, d *setup.Description, given map[string]any) (json.RawMessage, error) {
	config := map[string]any{}
	set := func(name string, v any) {
		if v != "" && slices.ContainsFunc(d.Fields, func(f setup.Field) bool { return f.Name == name }) {
			config[name] = v
		}
	}
	for name, v := range given {
		set(name, v)
	}
	set("host", u.Hostname())
	set("port", u.Port())
	set("user", u.User.Username())
	if p, ok := u.User.Password(); ok {
		set("password", p)
	} else {
		set("password", os.Getenv(passwordVariable(u.Scheme)))
	}
	set("database", strings.TrimPrefix(u.Path, "/"))
	set("path", u.Host+u.Path+u.Opaque)
	query := u.Query()
	if mode := query.Get("sslmode"); mode != "" {
		set("always_encrypted", mode != "disable" && mode != "allow" && mode != "prefer")
		query.Del("sslmode")
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		path := pathOf(d.Fields, name)
		if path == nil {
			return nil, fmt.Errorf("there is no field %q", name)
		}
		in, f := config, d.Field(name)
		for _, object := range path[:len(path)-1] {
			if in[object] == nil {
				in[object] = map[string]any{}
			}
			in = in[object].(map[string]any)
		}
		if in[name] = query.Get(name); f != nil && f.Type == setup.Array { // repeated: pats=a&pats=b
			in[name] = query[name]
		}
	}
	js, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	return d.Check(js)
}

// pathOf returns the names that lead to a field, which may be within objects;
// nil if there is none of that name.
func pathOf(fields []setup.Field, name string) []string {
	for _, f := range fields {
		if f.Name == name && f.Type != setup.Object {
			return []string{name}
		}
	}
	for _, f := range fields {
		if f.Type != setup.Object {
			continue
		}
		if path := pathOf(f.Fields, name); path != nil {
			return append([]string{f.Name}, path...)
		}
	}
	return nil
}
