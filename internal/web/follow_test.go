package web

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/internal/store"
)

// logged is a vault with a log that syncs can stay on with.
type logged struct{ connector.Source }

func (logged) Follows() bool { return true }

func TestLogLimits(t *testing.T) {
	for _, tt := range []struct{ number, unit, want string }{
		{"", "GiB", "0"}, {" ", "MiB", "0"}, {"0", "GiB", "0"}, {"5", "GiB", "5368709120"}, {" 512 ", "MiB", "536870912"}, {"1.5", "GiB", "1610612736"},
		{"0.0000000001", "GiB", "1"}, {"-1", "GiB", `"-1"`}, {"ten", "GiB", `"ten"`}, {"1,5", "GiB", `"1,5"`}, {"NaN", "MiB", `"NaN"`},
		{"Inf", "MiB", `"Inf"`}, {"1e300", "GiB", `"1e300"`}, {"8589934592", "GiB", `"8589934592"`},
	} {
		if got := string(limitBytes(tt.number, tt.unit)); got != tt.want {
			t.Errorf("%q %s: got %s, want %s", tt.number, tt.unit, got, tt.want)
		}
	}
	for _, limit := range []int64{0, 1, 1000, 1 << 20, 1536 << 20, 1 << 30, 10 << 30, 10_000_000_000, 1<<53 - 1} {
		number, unit := amount(limit)
		if got := string(limitBytes(number, unit)); got != fmt.Sprint(limit) {
			t.Errorf("%d is shown as %s %s and read as %s", limit, number, unit, got)
		}
	}
}

func TestLogRefusals(t *testing.T) {
	for _, tt := range []struct{ said, field, want string }{
		{"Invalid value for field 'log_limit_bytes'", "log_limit_bytes", "The limit is a number such as 10 or 1.5, or nothing for none."},
		{"Invalid value for field 'at_log_gap': it is one of HEAL, STOP", "at_log_gap", "It is one of HEAL, STOP."},
		{"Invalid value for field 'continuous'", "continuous", "This cannot be chosen."},
		{"Invalid value for field 'masks'", "", "Invalid value for field 'masks'"},
		{"You may not", "", "You may not"},
	} {
		var f logForm
		f.refuse(errors.New(tt.said))
		if got := f.Errors[tt.field] + f.Error; got != tt.want || (f.Error == "") != (tt.field != "") {
			t.Errorf("%s: got %q", tt.said, got)
		}
	}
}

// TestFollowingForm changes how the log of a source is followed, on the setup's
// page.
func TestFollowingForm(t *testing.T) {
	s := realSite(t)
	b := s.signedIn()
	make := func(schema, host string) string {
		_, at, _ := b.do("POST", "/new/connection/vault", entries("config.schema", schema, "config.host", host, "config.password", "swordfish", "group_name", schema))
		b.tested(at + "/tests")
		return at
	}
	const part, button = `id="log"`, "Save how the log is followed"
	plain := make("plain", "h")
	if _, _, body := b.do("GET", plain, nil); strings.Contains(body, part) {
		t.Errorf("a source without a log has the part\n%s", body)
	}
	at := make("logged", "logged")
	if _, _, body := b.do("GET", at, nil); !strings.Contains(body, part) || !strings.Contains(body, `value="KEEP" checked`) || !strings.Contains(body, `value="HEAL" checked`) ||
		!strings.Contains(body, `name="limit" value=""`) || strings.Contains(body, `name="continuous" value="true" checked`) || !strings.Contains(body, button) {
		t.Errorf("at first\n%s", body)
	}
	for _, tt := range []struct {
		form, sent string
		status     int
		want       []string
	}{
		{"continuous=true&limit=1.5&unit=GiB&at_log_limit=SPILL&at_log_gap=STOP", `{"at_log_gap":"STOP","at_log_limit":"SPILL","continuous":true,"log_limit_bytes":1610612736}`, 200,
			[]string{`value="true" checked`, `name="limit" value="1536"`, `<option selected>MiB`, `value="SPILL" checked`, `value="STOP" checked`}},
		{"limit=10&unit=GiB&at_log_limit=DROP&at_log_gap=HEAL", `{"at_log_gap":"HEAL","at_log_limit":"DROP","continuous":false,"log_limit_bytes":10737418240}`, 200,
			[]string{`name="limit" value="10"`, `<option selected>GiB`, `value="DROP" checked`, `value="HEAL" checked`}},
		{"continuous=true&limit=ten<b>&unit=MiB&at_log_limit=KEEP&at_log_gap=STOP", `"log_limit_bytes":"ten\u003cb\u003e"}`, 400,
			[]string{"The limit is a number", `value="ten&lt;b&gt;"`, `<option selected>MiB`, `value="KEEP" checked`, `value="true" checked`, `aria-invalid="true"`}},
		{"limit=&unit=GiB&at_log_limit=%3Cscript%3E&at_log_gap=HEAL", `"log_limit_bytes":0}`, 400, []string{"It is one of KEEP, SPILL, DROP."}},
		{"limit=&unit=GiB&at_log_limit=KEEP&at_log_gap=", `"log_limit_bytes":0}`, 400, []string{"It is one of HEAL, STOP."}},
		{"limit=&unit=GiB&at_log_limit=KEEP&at_log_gap=HEAL", `{"at_log_gap":"HEAL","at_log_limit":"KEEP","continuous":false,"log_limit_bytes":0}`, 200, []string{`name="limit" value=""`}},
	} {
		form, _ := url.ParseQuery(tt.form)
		status, _, body := b.do("POST", at+"/log", form)
		if status != tt.status || !strings.HasSuffix(s.lastSent("PATCH"), tt.sent) {
			t.Errorf("%s: %d %s", tt.form, status, s.lastSent("PATCH"))
		}
		for _, want := range tt.want {
			if !strings.Contains(body, want) {
				t.Errorf("%s: no %s in\n%s", tt.form, want, body)
			}
		}
		if strings.Contains(body, "<script>\"") || strings.Contains(body, "ten<b>") {
			t.Errorf("%s: shown as it is", tt.form)
		}
	}
	if status, _, body := b.do("POST", plain+"/log", url.Values{"continuous": {"true"}, "at_log_limit": {"KEEP"}, "at_log_gap": {"HEAL"}}); status != 400 || !strings.Contains(body, "The source of the connection follows no log") {
		t.Errorf("a source without a log: %d\n%s", status, body)
	}

	// What is kept back is shown whatever the source is now.
	id := strings.Split(plain, "/")[2]
	must(t, s.store.WatchBacklog(t.Context(), id, s.now))
	must(t, s.store.SaveBacklog(t.Context(), &store.Backlog{ConnectionID: id, DueAt: s.now, AskedAt: s.now, Level: "much",
		Figures: store.Figures{What: "slot <b>s</b>", Retained: 3 << 30, Spilled: 5 << 20}}, &store.Alert{Code: store.LogKept, Message: "It keeps <b>much</b>."}))
	for _, page := range []string{plain, strings.TrimSuffix(plain, "/setup")} {
		_, _, body := b.do("GET", page, nil)
		for _, want := range []string{"3.0 GiB", "slot &lt;b&gt;s&lt;/b&gt;", "never", "5.0 MiB", "It keeps &lt;b&gt;much&lt;/b&gt;."} {
			if !strings.Contains(body, want) {
				t.Errorf("%s: no %s in\n%s", page, want, body)
			}
		}
	}

	s.user = &store.User{AccountID: s.user.AccountID, Email: "eve@example.com", Role: "Account Reviewer"}
	must(t, s.store.CreateUser(t.Context(), s.user))
	b = s.signedIn()
	if _, _, body := b.do("GET", at, nil); !strings.Contains(body, part) || !strings.Contains(body, `value="KEEP" checked`) || strings.Contains(body, button) {
		t.Errorf("who may only look sees\n%s", body)
	}
	if status, _, body := b.do("POST", at+"/log", url.Values{"at_log_limit": {"DROP"}, "at_log_gap": {"STOP"}}); status < 400 || !strings.Contains(body, "permission") || strings.Contains(body, button) {
		t.Errorf("who may only look: %d\n%s", status, body)
	}
	if c, err := s.store.Connection(t.Context(), strings.Split(at, "/")[2]); err != nil || c.AtLogLimit != store.KeepLog {
		t.Errorf("who may only look has changed it: %v, %v", c.AtLogLimit, err)
	}
}

// TestFresh shows how fresh the destination is and what the source keeps back, on
// the page and as it changes.
func TestFresh(t *testing.T) {
	s := newSite(t)
	s.answers("GET /v1/connections/c", `{"id":"c","group_id":"g","service":"vault","schema":"s","status":{"setup_state":"connected"}}`)
	s.answers("GET /v1/penstock/connections/c", `{"id":"c","state":"syncing"}`)
	s.answers("GET /v1/penstock/connections/c/tables", `{"items":[]}`)
	s.answers("GET /v1/penstock/connections/c/runs", `{"items":[{"id":"r2","started_at":"2026-11-25T11:50:00Z","fresh_at":"2026-11-25T11:59:57Z","latency":{"p50_seconds":0.84,"p95_seconds":1.2,"p99_seconds":72}}]}`)
	s.answers("GET /v1/penstock/connections/c/backlog", `{"what":"replication slot p","retained_bytes":16777216,"limit_bytes":10737418240,"lag_seconds":130,"lost":false,"spilled_bytes":0,"asked_at":"2026-11-25T11:59:30Z"}`)
	b := s.signedIn()
	wants := []string{"3 s ago", "0.8 s", "1.2 s", "1 min 12 s", "16.0 MiB", "replication slot p", "at 10.0 GiB", "at least 2 min 10 s old", "just now", "/connections/c/setup#log", "It follows the log of the source"}
	_, _, body := b.do("GET", "/connections/c", nil)
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.url+"/connections/c/live", nil)
	must(t, err)
	res, err := b.http.Do(r)
	must(t, err)
	defer res.Body.Close()
	event := ""
	for lines := bufio.NewScanner(res.Body); lines.Scan() && lines.Text() != ""; {
		event += lines.Text() + "\n"
	}
	for _, want := range wants {
		if !strings.Contains(body, want) {
			t.Errorf("no %s on the page\n%s", want, body)
		}
		if !strings.Contains(event, want) {
			t.Errorf("no %s in the event\n%s", want, event)
		}
	}
}

func TestFreshest(t *testing.T) {
	done, failed, at := "succeeded", "failed", siteTime
	followed := run{ID: "f", Outcome: &done, EndedAt: &at, FreshAt: &at}
	for name, tt := range map[string]struct {
		runs []run
		want bool
	}{
		"none":                   {nil, false},
		"one":                    {[]run{followed}, true},
		"before one that begins": {[]run{{}, followed}, true},
		"before one that failed": {[]run{{Outcome: &failed}, followed}, true},
		"before another":         {[]run{{Outcome: &done}, followed}, false},
	} {
		if got := freshest(tt.runs); (got != nil) != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	k := keptBack{Fresh: &followed}
	if got := k.Since(siteTime.Add(90 * 60e9)); got != "1 h ago" || k.Backlog.Some() || !k.Shown() {
		t.Errorf("of one that has ended: %q", got)
	}
}
