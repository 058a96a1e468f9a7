package web

import (
	"fmt"
	"math"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// logSettings is how a connection goes about the log of its source, as the API
// has it among its settings.
type logSettings struct {
	Continuous bool   `json:"continuous"`
	Limit      int64  `json:"log_limit_bytes"` // 0: none
	AtLimit    string `json:"at_log_limit"`
	AtGap      string `json:"at_log_gap"`
	CanFollow  bool   `json:"can_follow"`
}

// A backlog is what a source keeps back for a connection, as the API has it.
type backlog struct {
	What     *string  // nil: nothing
	Retained int64    `json:"retained_bytes"`
	Limit    *int64   `json:"limit_bytes"` // at which the source itself lets go of it; nil: never
	Lag      *float64 `json:"lag_seconds"`
	Lost     bool
	Spilled  int64      `json:"spilled_bytes"`
	AskedAt  *time.Time `json:"asked_at"`
}

// Some reports whether there is anything that people could want to see.
func (b *backlog) Some() bool { return b.What != nil || b.Lost || b.Spilled > 0 }

// Unread says how old the first change is that was not read, "" if that is not
// known.
func (b *backlog) Unread() string {
	if b.Lag == nil {
		return ""
	}
	return span(seconds(*b.Lag))
}

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }

// A latency is how long it took from commits at the source until they could be
// read in the destination, in seconds.
type latency struct {
	P50 float64 `json:"p50_seconds"`
	P95 float64 `json:"p95_seconds"`
	P99 float64 `json:"p99_seconds"`
}

// A keptBack is how a connection stands with the log of its source: what of it
// the source keeps back, and how far the destination has followed.
type keptBack struct {
	Backlog backlog
	Fresh   *run // the last that stayed on with the source; nil: none, or another has come further since
}

// Shown reports whether there is anything to see.
func (k *keptBack) Shown() bool { return k.Fresh != nil || k.Backlog.Some() }

// Since says how long ago that was up to which the destination has everything.
// It says so to the second only while that moves.
func (k *keptBack) Since(now time.Time) string {
	behind := now.Sub(*k.Fresh.FreshAt)
	if k.Fresh.EndedAt == nil {
		return span(behind) + " ago"
	}
	return ago(behind)
}

// keptBack asks what the source of a connection keeps back. runs are the latest,
// the latest first.
func (v *visit) keptBack(id string, runs []run) (k keptBack, err error) {
	k.Fresh = freshest(runs)
	err = v.api("GET", "/v1/penstock/connections/"+url.PathEscape(id)+"/backlog", nil, &k.Backlog)
	return k, err
}

// freshest returns the last run that stayed on with its source, unless one has
// succeeded since that did not.
func freshest(runs []run) *run {
	for i := range runs {
		switch r := &runs[i]; {
		case r.FreshAt != nil:
			return r
		case r.Word() == "succeeded":
			return nil
		}
	}
	return nil
}

// An option is a value of a setting, with what people call it and what follows
// from it.
type option struct{ Value, Name, Means string }

var atLimit = []option{
	{"KEEP", "Only warn", "No change is lost, but the source's disk goes on filling up while nobody reads. A database whose disk is full stops."},
	{"SPILL", "Move it to files of this server", "The source gets its disk back, and the next sync applies the files. It costs disk space here: what is more than the server allows for a connection, 16 GiB if nobody has said otherwise, stays in the source. Several servers need one disk that all of them share."},
	{"DROP", "Have the source let go of it", "The source's disk is safe whatever happens here. The next sync finds by queries what has changed, which takes the source longer; in history mode versions in between may be missing. A replication slot that you have made yourself is dropped too."},
}

var atGap = []option{
	{"HEAL", "Find by queries what has changed", "Syncs go on by themselves, with a warning. It takes the source longer once; in history mode versions in between may be missing."},
	{"STOP", "Stop until somebody decides", "Syncs fail and change nothing in the destination, until the other is chosen here or a re-sync is asked for. The data get older meanwhile, and the source keeps back more."},
}

// A logForm is how a connection goes about the log of its source, as a form has
// it.
type logForm struct {
	logSettings
	Amount, Unit string // the limit; "": none
	Backlog      backlog
	Warning      string            // about what the source keeps back
	Error        string            // of the whole
	Errors       map[string]string // by the names that the API has for the fields
}

// Shown reports whether the form matters to the connection.
func (f *logForm) Shown() bool {
	return f.CanFollow || f.Continuous || f.Backlog.Some() || f.Error != "" || len(f.Errors) > 0
}

// Units are what the limit can be given in.
func (f *logForm) Units() []string { return []string{"MiB", "GiB"} }

// AtLimits and AtGaps are what can be chosen.
func (f *logForm) AtLimits() []option { return atLimit }
func (f *logForm) AtGaps() []option   { return atGap }

// logForm asks how the connection goes about the log of its source.
func (v *visit) logForm(c *connection) (f logForm, err error) {
	if err := v.api("GET", v.oursPath()+"/settings", nil, &f.logSettings); err != nil {
		return f, err
	}
	f.Amount, f.Unit = amount(f.Limit)
	for _, w := range c.Status.Warnings {
		if w.Code == "source_log" {
			f.Warning = w.Message
		}
	}
	return f, v.api("GET", v.oursPath()+"/backlog", nil, &f.Backlog)
}

// amount writes a limit as the form has it.
func amount(limit int64) (number, unit string) {
	switch {
	case limit == 0:
		return "", "GiB"
	case limit%(1<<30) == 0:
		return strconv.FormatInt(limit>>30, 10), "GiB"
	}
	return strconv.FormatFloat(float64(limit)/(1<<20), 'f', -1, 64), "MiB"
}

// limitBytes reads a limit as a request of the API has it. What is no number of
// bytes is left to the API to refuse.
func limitBytes(number, unit string) rawJSON {
	number = strings.TrimSpace(number)
	if number == "" {
		return rawJSON("0")
	}
	n, err := strconv.ParseFloat(number, 64)
	if unit == "GiB" {
		n *= 1 << 30
	} else {
		n *= 1 << 20
	}
	if err != nil || !(n >= 0 && n < math.MaxInt64) {
		return encode(number)
	}
	return rawJSON(strconv.FormatInt(int64(math.Ceil(n)), 10)) // little is not none
}

// saveLog changes how the connection goes about the log of its source.
func (s *server) saveLog(v *visit) error {
	if err := v.ParseForm(); err != nil {
		return err
	}
	entered := logSettings{Continuous: v.PostFormValue("continuous") != "", AtLimit: v.PostFormValue("at_log_limit"), AtGap: v.PostFormValue("at_log_gap")}
	number, unit := v.PostFormValue("limit"), v.PostFormValue("unit")
	err := v.api("PATCH", v.oursPath()+"/settings", map[string]rawJSON{
		"continuous": encode(entered.Continuous), "log_limit_bytes": limitBytes(number, unit),
		"at_log_limit": encode(entered.AtLimit), "at_log_gap": encode(entered.AtGap),
	}, nil)
	return v.savedPart(err, "log", func(page *connectionSetup) {
		f := &page.Log
		entered.CanFollow = f.CanFollow
		f.logSettings, f.Amount, f.Unit = entered, number, unit
		f.refuse(err)
	})
}

var refusedValue = regexp.MustCompile(`^Invalid value for field '(continuous|log_limit_bytes|at_log_limit|at_log_gap)'(?:: (.+))?$`)

// refuse puts an answer of the API that says no beside the field that it names,
// or at the head of the form.
func (f *logForm) refuse(err error) {
	m := refusedValue.FindStringSubmatch(err.Error())
	switch {
	case m == nil:
		f.Error = err.Error()
		return
	case m[1] == "log_limit_bytes":
		m[2] = "The limit is a number such as 10 or 1.5, or nothing for none"
	case m[2] == "":
		m[2] = "This cannot be chosen"
	}
	f.Errors = map[string]string{m[1]: strings.ToUpper(m[2][:1]) + m[2][1:] + "."}
}

// latencyWords says how long changes took to get into the destination.
func latencyWords(s float64) string {
	if s >= 60 {
		return span(seconds(s))
	}
	return fmt.Sprintf("%.1f s", s)
}
