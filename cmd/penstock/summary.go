package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/penstock-data/penstock/internal/pipe"
)

// A summary is what `penstock sync` reports in the end.
type summary struct {
	Rows       int64          `json:"rows"`
	Bytes      int64          `json:"bytes"` // in memory, on the way
	Seconds    float64        `json:"seconds"`
	CPUSeconds float64        `json:"cpu_seconds"` // of this process, the destination's engine included if it is embedded
	PeakBytes  int64          `json:"peak_bytes"`  // of resident memory
	Failed     int            `json:"failed_tables"`
	Tables     []tableSummary `json:"tables"`
	Warnings   []string       `json:"warnings,omitempty"`
	Error      string         `json:"error,omitempty"`
}

type tableSummary struct {
	Source      string `json:"source"`
	Destination string `json:"destination"`
	Upserted    int64  `json:"upserted"`
	Updated     int64  `json:"updated"`
	Deleted     int64  `json:"deleted"`
	Error       string `json:"error,omitempty"`
}

func summarise(out pipe.Outcome, took time.Duration, err error) summary {
	s := summary{Rows: out.Rows, Bytes: out.Bytes, Seconds: took.Seconds(), CPUSeconds: cpuSeconds(), PeakBytes: peakBytes()}
	if err != nil {
		s.Error = err.Error()
	}
	for _, t := range out.Tables {
		ts := tableSummary{
			Source: t.Source.String(), Destination: t.Destination.String(),
			Upserted: t.Upserted, Updated: t.Updated, Deleted: t.Deleted,
		}
		if t.Err != nil {
			ts.Error = t.Err.Error()
			s.Failed++
		}
		s.Tables = append(s.Tables, ts)
	}
	for _, w := range out.Warnings {
		s.Warnings = append(s.Warnings, w.Message)
	}
	return s
}

func (s *summary) print(w io.Writer) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "TABLE\tDESTINATION\tUPSERTED\tUPDATED\tDELETED\t")
	for _, t := range s.Tables {
		fmt.Fprintf(tw, "%s\t%s\t%d\t%d\t%d\t%s\n", t.Source, t.Destination, t.Upserted, t.Updated, t.Deleted, t.Error)
	}
	tw.Flush()
	for _, m := range s.Warnings {
		fmt.Fprintln(w, "warning:", m)
	}
	fmt.Fprintf(w, "%d rows, %s, %.1f s, %.2f CPU s, peak memory %s\n", s.Rows, byteSize(s.Bytes), s.Seconds, s.CPUSeconds, byteSize(s.PeakBytes))
}

// cpuSeconds returns what this process has used so far.
func cpuSeconds() float64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return float64(r.Utime.Nano()+r.Stime.Nano()) / 1e9
}

// peakBytes returns the most memory that this process has held, or 0 where
// the system does not tell.
func peakBytes() int64 {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if v, ok := strings.CutPrefix(sc.Text(), "VmHWM:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(v), " kB"), 10, 64)
			if err == nil {
				return kb << 10
			}
		}
	}
	return 0
}

// A byteSize is a number of bytes that people write as 512MiB.
type byteSize int64

// UnmarshalText implements encoding.TextUnmarshaler.
func (b *byteSize) UnmarshalText(text []byte) error {
	s := strings.ToLower(string(text))
	num := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyz ")
	n, err := strconv.ParseFloat(num, 64)
	unit, ok := map[string]float64{"": 1, "b": 1, "k": 1 << 10, "kib": 1 << 10, "kb": 1e3, "m": 1 << 20, "mib": 1 << 20, "mb": 1e6,
		"g": 1 << 30, "gib": 1 << 30, "gb": 1e9}[strings.TrimSpace(s[len(num):])]
	if err != nil || !ok || n < 0 {
		return fmt.Errorf("%q is no size such as 512MiB", text)
	}
	*b = byteSize(n * unit)
	return nil
}

func (b byteSize) String() string {
	for _, u := range []struct {
		size float64
		name string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if float64(b) >= u.size {
			return fmt.Sprintf("%.1f %s", float64(b)/u.size, u.name)
		}
	}
	return fmt.Sprintf("%d B", int64(b))
}
