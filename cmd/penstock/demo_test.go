package main

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// fifteenFiveTables are the tables of 15Five's published diagram.
var fifteenFiveTables = strings.Fields(`users company_group_id groups group_type check_in check_in_answer check_in_comment check_in_goal
	check_in_accomplishment answer question pulse one_on_one high_five high_five_receiver high_five_email_receiver feature
	people_attribute security_audit user_vacation`)

// TestDemo runs `penstock demo --exit`, which ends by itself when every table
// of both of its sources has landed.
func TestDemo(t *testing.T) {
	data := t.TempDir()
	code, stdout, stderr := run(t, nil, "demo", "--exit", "--data", data)
	if code != 0 {
		t.Fatalf("it ended with %d and printed\n%s%s", code, stdout, stderr)
	}
	landed := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^  (\w+\.\w+) +([1-9]\d*) rows$`).FindAllStringSubmatch(stdout, -1) {
		landed[m[1]] = m[2]
	}
	want := []string{"db_shop.customer", "db_shop.order"}
	for _, table := range fifteenFiveTables {
		want = append(want, "people."+table)
	}
	w := duckWarehouse(filepath.Join(data, "warehouse.duckdb"))
	for _, table := range want {
		schema, name, _ := strings.Cut(table, ".")
		if n := w.number(t, "select count(*) from "+quoted(schema)+"."+quoted(name)); landed[table] != fmt.Sprint(n) {
			t.Errorf("%s has %d rows, %q were shown", table, n, landed[table])
		}
	}
	for _, text := range []string{`"setup_state": "connected"`, `"sync_state": "scheduled"`, `"succeeded_at": "2`, `"api_key": "******"`} {
		if !strings.Contains(stdout, text) {
			t.Errorf("the details do not say %s:\n%s", text, stdout)
		}
	}
	if stderr != "" {
		t.Errorf("it complains:\n%s", stderr)
	}
}

// TestSimulate copies from the simulated vendor, which asks for a key.
func TestSimulate(t *testing.T) {
	vendor := start(t, nil, "simulate", "15five", "--listen", "127.0.0.1:0", "--users", "10", "--limit", "0", "--key", "the-right-key")
	line := vendor.await(t, &vendor.stdout, 0, "http://")
	endpoint := line[strings.Index(line, "http://") : len(line)-1]
	eachWarehouse(t, func(t *testing.T, w warehouse) {
		s := syncJSON(t, "15five:?api_key=the-right-key", w.url, "--endpoint", endpoint, "--schema", "people")
		if len(s.Tables) != len(fifteenFiveTables) || s.Failed > 0 {
			t.Errorf("the summary is %+v", s)
		}
		if n := w.number(t, `select count(*) from people.users`); n < 10 {
			t.Errorf("%d people", n)
		}
	})
	code, stdout, stderr := run(t, []string{"KEY=the-wrong-key"}, "sync", "15five:?api_key=${KEY}", filepath.Join(t.TempDir(), "w.duckdb"), "--endpoint", endpoint)
	if code != 1 || !strings.Contains(stderr, "key") || strings.Contains(stdout+stderr, "the-wrong-key") {
		t.Errorf("with a wrong key it ended with %d and printed\n%s%s", code, stdout, stderr)
	}
	if code := vendor.terminate(t); code != 0 && code != 130 {
		t.Errorf("the simulator ended with %d", code)
	}
}
