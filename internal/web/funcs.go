package web

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/url"
	"strings"
	"sync"
	"time"
)

// funcs are what templates can say beyond html/template.
var funcs = template.FuncMap{
	"static":    static,
	"ago":       func(t, now time.Time) string { return ago(now.Sub(t)) },
	"under":     func(path, section string) bool { return path == section || strings.HasPrefix(path, section+"/") },
	"number":    numberOf,
	"size":      size,
	"logsize":   logSize,
	"latency":   latencyWords,
	"span":      span,
	"spark":     func(c standing, now time.Time) spark { return sparkOf(&c, now) },
	"clock":     func(t time.Time) string { return t.UTC().Format("15:04:05") },
	"date":      func(t time.Time) string { return t.UTC().Format("2 Jan 2006 15:04:05") },
	"iso":       func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"states":    func() []string { return states },
	"levels":    func() []string { return levels },
	"handlings": func() [][2]string { return handlings },
	"modes":     func() [][2]string { return modes },
	"pathpart":  url.PathEscape,
	"pair":      func(a, b any) pair { return pair{a, b} },
	"words":     words,
	"said":      said,
	"scopeword": scopeWord,
	"weekdays":  func() []string { return weekdays },
	"zones":     func() []string { return zones },
}

// said writes a word for a state as people read it: "given_up" is "Given up".
func said(word string) string {
	if word == "" {
		return ""
	}
	word = strings.ReplaceAll(word, "_", " ")
	return strings.ToUpper(word[:1]) + word[1:]
}

// scopeWord is what people call that in which a role is given.
func scopeWord(scope string) string {
	for _, w := range [][2]string{{"ACCOUNT", "the account"}, {"TEAM", "a team"}, {"DESTINATION", "a group"}, {"CONNECTOR", "a connection"}} {
		if w[0] == scope {
			return w[1]
		}
	}
	return scope
}

// A pair gives a part of a page two things.
type pair struct{ First, Second any }

// zones are the offsets from UTC that destinations can have.
var zones = func() (all []string) {
	for h := -11; h <= 12; h++ {
		zone := fmt.Sprint(h)
		if h > 0 {
			zone = "+" + zone
		}
		all = append(all, zone)
	}
	return all
}()

func itoa(n int) string { return fmt.Sprint(n) }

// static returns the address of a file with its version, so that browsers
// keep each version for ever.
func static(name string) string { return "/static/" + name + "?" + versions()[name] }

var versions = sync.OnceValue(func() map[string]string {
	out := map[string]string{}
	fs.WalkDir(files, "static", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := files.ReadFile(path)
		sum := sha256.Sum256(b)
		out[strings.TrimPrefix(path, "static/")] = hex.EncodeToString(sum[:4])
		return err
	})
	return out
})

// ago says how long something is ago, roughly; in the future, in how long.
func ago(d time.Duration) string {
	form := "%s ago"
	if d < 0 {
		d, form = -d, "in %s"
	}
	switch {
	case d < time.Minute:
		if form == "in %s" {
			return "in a moment"
		}
		return "just now"
	case d < time.Hour:
		return fmt.Sprintf(form, fmt.Sprintf("%d min", int(d.Minutes())))
	case d < 48*time.Hour:
		return fmt.Sprintf(form, fmt.Sprintf("%d h", int(d.Hours())))
	}
	return fmt.Sprintf(form, fmt.Sprintf("%d days", int(d.Hours()/24)))
}

// numberOf is number for templates, whose counts have several types.
func numberOf(n any) (string, error) {
	switch n := n.(type) {
	case int:
		return number(int64(n)), nil
	case int64:
		return number(n), nil
	case *int64:
		return number(*n), nil
	}
	return "", fmt.Errorf("%T is no count", n)
}

// number writes a number with thin spaces between thousands.
func number(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "\u2009" + s[i:]
	}
	return s
}
