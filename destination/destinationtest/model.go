package destinationtest

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock-data/penstock/schema"
)

// A model is a table as the promises of package schema have it. It takes the
// operations of a script one by one, as if each were merged by itself.
// Times are milliseconds after sync 0.
type model struct {
	mode     schema.Mode
	columns  string             // beside the key
	rows     map[string]history // by key
	gathered map[string]bool    // keys of the source
	now      int64              // start of the sync
}

// A history is the versions of a row, the first one first. In a mode other
// than history mode there is but one.
type history []version

type version struct {
	values             map[rune]string
	synced, start, end int64 // forever is the end of one that holds, and of all without history
}

const (
	never   = math.MinInt64
	forever = math.MaxInt64
)

func newModel(columns string) *model {
	return &model{columns: columns, rows: map[string]history{}, gathered: map[string]bool{}}
}

// begin begins a sync, its table in a mode.
func (m *model) begin(sync int, mode schema.Mode) {
	m.now = int64(sync) * 3_600_000
	clear(m.gathered)
	last := int64(never)
	for _, h := range m.rows {
		last = max(last, h[len(h)-1].synced)
	}
	for k, h := range m.rows {
		v := &h[len(h)-1]
		switch {
		case m.mode == mode:
			continue
		case m.mode == schema.SoftDelete && v.end != forever && mode == schema.History:
			v.start, v.end = never, never
		case m.mode == schema.SoftDelete:
			v.start = last
		case m.mode == schema.Live:
			v.start = v.synced
		}
		m.rows[k] = history{*v}
		if mode == schema.Live && v.end != forever {
			delete(m.rows, k)
		}
	}
	m.mode = mode
}

// do does one line of a script: a verb, the letters of a batch's columns, and
// its words.
func (m *model) do(verb, columns string, words []string) {
	switch verb {
	case "truncate":
		n, _ := strconv.ParseInt(words[0], 10, 64)
		for k, h := range m.rows {
			if h.live() && h[len(h)-1].synced < n*3_600_000 {
				m.end(k, false)
			}
		}
	case "sweep":
		for k, h := range m.rows {
			if h.live() && !m.gathered[k] {
				m.end(k, true)
			}
		}
		clear(m.gathered)
	}
	if verb == "truncate" || verb == "sweep" {
		return
	}
	for _, w := range words {
		f := strings.Split(w, ",")
		h, at := m.rows[f[0]], m.now
		row := map[rune]string{}
		for i, c := range columns {
			row[c] = f[1+i]
		}
		own := row['s'] != ""
		if own {
			n, _ := strconv.ParseInt(row['s'], 10, 64)
			at = n * 60_000
			delete(row, 's')
		}
		switch verb {
		case "present":
			m.gathered[f[0]] = true
		case "delete":
			if h != nil && (h.live() || m.mode != schema.History) {
				m.end(f[0], true)
			}
		case "update":
			if h == nil || !h.live() && m.mode == schema.History {
				continue
			}
			was := len(h) - 1
			if own { // the version that held then
				was = slices.IndexFunc(h, func(v version) bool { return v.start < at && v.end >= at-1 })
			}
			if was < 0 {
				continue
			}
			for c, v := range h[was].values {
				if _, ok := row[c]; !ok {
					row[c] = v
				}
			}
			if m.mode == schema.SoftDelete {
				h[len(h)-1].values, h[len(h)-1].synced = row, m.now
				continue
			}
			m.rows[f[0]] = m.with(h, row, at, own)
		default:
			for _, c := range m.columns {
				if _, ok := row[c]; !ok {
					row[c] = "-"
				}
			}
			m.rows[f[0]] = m.with(h, row, at, own)
		}
	}
}

func (h history) live() bool { return h[len(h)-1].end == forever }

// end is what becomes of a row that is gone from the source.
func (m *model) end(key string, read bool) {
	h := m.rows[key]
	v := &h[len(h)-1]
	switch m.mode {
	case schema.Live:
		delete(m.rows, key)
		return
	case schema.SoftDelete:
		if read {
			v.synced = m.now
		}
	}
	v.end = max(m.now, v.start)
}

// with returns the history of a row that has other values since at. What
// began then or later is made anew; what a sync has itself ended goes on if the
// row is as before.
func (m *model) with(h history, row map[rune]string, at int64, own bool) history {
	if m.mode != schema.History {
		return history{{row, m.now, 0, forever}}
	}
	h = slices.DeleteFunc(h, func(v version) bool { return v.start >= at })
	if len(h) > 0 && h[len(h)-1].end >= at-1 {
		v := &h[len(h)-1]
		if same := maps.EqualFunc(row, v.values, func(a, b string) bool { return a == b }); same && !own {
			v.synced, v.end = m.now, forever
			return h
		}
		if !own || v.end >= at {
			v.synced, v.end = m.now, at-1
		}
	}
	return append(h, version{row, m.now, at, forever})
}

func (m *model) live() (n int64) {
	for _, h := range m.rows {
		if h.live() {
			n++
		}
	}
	return n
}

// add adds a column, or does nothing if it is there.
func (m *model) add(column rune) {
	if strings.ContainsRune(m.columns, column) {
		return
	}
	m.columns += string(column)
	for _, h := range m.rows {
		for _, v := range h {
			v.values[column] = "-"
		}
	}
}

// drop drops a column, or does nothing if it is not there.
func (m *model) drop(column rune) {
	m.columns = strings.ReplaceAll(m.columns, string(column), "")
	for _, h := range m.rows {
		for _, v := range h {
			delete(v.values, column)
		}
	}
}

// lines returns the rows as [tableRows] does.
func (m *model) lines() (out []string) {
	for k, h := range m.rows {
		for _, v := range h {
			row := k
			for _, c := range m.columns {
				row += "," + v.values[c]
			}
			row += "@" + instant(v.synced)
			switch {
			case m.mode == schema.History:
				row += "[" + point(v.start) + ".." + point(v.end) + "]"
			case v.end != forever:
				row += "!"
			}
			out = append(out, row)
		}
	}
	slices.Sort(out)
	return out
}

func point(ms int64) string {
	switch ms {
	case never:
		return "never"
	case forever:
		return ""
	}
	return instant(ms)
}
