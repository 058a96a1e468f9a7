package setup

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestResultsAreTold(t *testing.T) {
	a, b := TestResult{Title: "a", Status: Passed}, TestResult{Title: "b", Status: Failed}
	var told []TestResult
	for name, ctx := range map[string]context.Context{
		"nobody":   t.Context(),
		"somebody": Follow(t.Context(), func(r TestResult) { told = append(told, r) }),
	} {
		r := NewResults(ctx)
		r.Add(a)
		if diff := cmp.Diff([]TestResult{a, b}, r.Add(b)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if diff := cmp.Diff([]TestResult{a, b}, told); diff != "" {
		t.Error(diff)
	}
}

func TestWhen(t *testing.T) {
	d := Describe("A", struct {
		Method string `json:"method" enum:"A,B,C"`
		Fast   bool   `json:"fast"`
		Key    string `json:"key" when:"method=A,B"`
		Speed  int    `json:"speed" when:"fast=true"`
		Always string `json:"always"`
	}{})
	want := map[string]*Condition{"key": {"method", []string{"A", "B"}}, "speed": {"fast", []string{"true"}}}
	for _, f := range d.Fields {
		if diff := cmp.Diff(want[f.Name], f.When); diff != "" {
			t.Errorf("%s: %s", f.Name, diff)
		}
	}
	for name, v := range map[string]any{
		"of nothing": struct {
			Key string `json:"key" when:"method=A"`
		}{},
		"never": struct {
			Method string `json:"method" enum:"A,B"`
			Key    string `json:"key" when:"method=C"`
		}{},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("a condition %s is described", name)
				}
			}()
			Describe("A", v)
		}()
	}
}
