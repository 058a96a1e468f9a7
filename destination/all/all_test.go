package all

import (
	"testing"
)

func TestServices(t *testing.T) {
	for i, s := range Services {
		got, ok := Lookup(s.ID)
		if !ok || got.Config != s.Config {
			t.Errorf("%s is not found by its id", s.ID)
		}
		if s.ID == "" || s.Name == "" || s.Config == nil || s.MaxName <= 0 || s.Open == nil {
			t.Errorf("service %d, %q, is not complete", i, s.ID)
		}
		for _, f := range s.Config.Fields {
			if f.Title == "" || f.Help == "" {
				t.Errorf("%s: field %s has no title or no help", s.ID, f.Name)
			}
			if f.Name == "password" && !f.Secret {
				t.Errorf("%s: the password is no secret", s.ID)
			}
		}
	}
	if _, ok := Lookup("papyrus"); ok {
		t.Error("papyrus is found")
	}
}
