package web

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// A bar is one sync in the timeline: as high as the sync was long.
type bar struct {
	X, Y, Height int
	Word, Title  string
	RunID        string
}

const (
	barWidth   = 12
	barHeights = 48
)

// bars returns a timeline of runs, the latest last, with room for most of them:
// where there is none yet, a bar without a run stands for it.
func bars(runs []run, most int, now time.Time) []bar {
	if len(runs) == 0 {
		return nil
	}
	longest := time.Second
	for i := range runs {
		longest = max(longest, runs[i].Took(now))
	}
	out, before := make([]bar, most), most-len(runs)
	for i := range before {
		out[i] = bar{X: i * barWidth, Y: barHeights - 3, Height: 3, Word: "none"}
	}
	for i := range runs {
		r := &runs[len(runs)-1-i]
		h := max(3, int(barHeights*r.Took(now)/longest))
		title := fmt.Sprintf("%s, %s, took %s, %s rows", r.StartedAt.UTC().Format("2 Jan 15:04"), r.Word(), span(r.Took(now)), number(r.Rows))
		if r.Reason != nil {
			title += ": " + *r.Reason
		}
		out[before+i] = bar{X: (before + i) * barWidth, Y: barHeights - h, Height: h, Word: r.Word(), Title: title, RunID: r.ID}
	}
	return out
}

// A spark is a timeline of a few runs that is read at a glance.
type spark struct {
	Bars  []bar
	Label string // the same in words
}

// sparkRuns is how many runs a spark shows.
const sparkRuns = 12

// sparkOf returns the timeline of a connection's latest runs.
func sparkOf(c *standing, now time.Time) spark {
	s := spark{Bars: bars(c.Runs[:min(len(c.Runs), sparkRuns)], sparkRuns, now)}
	count := map[string]int{}
	for i := range c.Runs {
		count[c.Runs[i].Word()]++
	}
	for _, word := range slices.Sorted(maps.Keys(count)) {
		s.Label += fmt.Sprintf(", %d %s", count[word], word)
	}
	s.Label = "The last syncs: " + strings.TrimPrefix(s.Label, ", ")
	return s
}

// span writes a duration as people say it.
func span(d time.Duration) string {
	switch {
	case d < time.Second:
		return "under 1 s"
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
}

// size writes a number of bytes as people say it.
func size(n int64) string { return sized(n, 1000, "KB", "MB", "GB", "TB") }

// logSize is size as databases count their logs.
func logSize(n int64) string { return sized(n, 1024, "KiB", "MiB", "GiB", "TiB") }

// sized writes a number of bytes in units, each so many times the one before.
func sized(n int64, times float64, units ...string) string {
	if float64(n) < times {
		return fmt.Sprintf("%d bytes", n)
	}
	f := float64(n) / times
	for f >= times && len(units) > 1 {
		f, units = f/times, units[1:]
	}
	return fmt.Sprintf("%.1f %s", f, units[0])
}
