package store

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestUpdates changes things of each kind from many sides at once: nothing that
// one of them writes is undone by another, and a change that ends in an error
// is none.
func TestUpdates(t *testing.T) {
	const sides = 8
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		u, g := seed(t, s)
		key, rotated := &SystemKey{AccountID: u.AccountID, Name: "a"}, &SystemKey{AccountID: u.AccountID, Name: "b"}
		must(s.CreateSystemKey(ctx, key))(t)
		must(s.CreateSystemKey(ctx, rotated))(t)
		project := &Project{AccountID: u.AccountID, GroupID: g.ID, Type: "DBT_CORE", Config: json.RawMessage(`[]`)}
		check(t, s.CreateProject(ctx, project))
		transformation := &Transformation{AccountID: u.AccountID, GroupID: g.ID, Type: "QUICKSTART", Config: json.RawMessage(`[]`), Schedule: json.RawMessage(`{}`)}
		check(t, s.CreateTransformation(ctx, transformation))
		manager := &SecretsManager{AccountID: u.AccountID, Name: "m", Config: json.RawMessage(`[]`)}
		check(t, s.CreateSecretsManager(ctx, manager))
		link := &PrivateLink{AccountID: u.AccountID, Name: "l", Config: json.RawMessage(`[]`)}
		check(t, s.CreatePrivateLink(ctx, link))

		failed := errors.New("failed")
		// add adds a number to a list, and fails if it is negative.
		add := func(list *json.RawMessage, n int) error {
			var ns []int
			if err := json.Unmarshal(*list, &ns); err != nil {
				return err
			}
			*list, _ = json.Marshal(append(ns, n))
			if n < 0 {
				return failed
			}
			return nil
		}
		allow := func(n int) func(*SystemKey) error {
			return func(k *SystemKey) error {
				k.Permissions = append(k.Permissions, Permission{Resource: strconv.Itoa(n)})
				if n < 0 {
					return failed
				}
				return nil
			}
		}
		allowed := func(id string) json.RawMessage {
			var ns []string
			for _, p := range must(s.SystemKey(ctx, id))(t).Permissions {
				ns = append(ns, p.Resource)
			}
			return json.RawMessage("[" + strings.Join(ns, ",") + "]")
		}
		for name, of := range map[string]struct {
			change func(n int) error
			list   func() json.RawMessage
		}{
			"system key": {
				func(n int) error { _, err := s.UpdateSystemKey(ctx, key.ID, allow(n)); return err },
				func() json.RawMessage { return allowed(key.ID) },
			},
			"rotated system key": {
				func(n int) error { _, _, err := s.RotateSystemKey(ctx, rotated.ID, allow(n)); return err },
				func() json.RawMessage { return allowed(rotated.ID) },
			},
			"project": {
				func(n int) error {
					_, err := s.UpdateProject(ctx, project.ID, func(p *Project) error { return add(&p.Config, n) })
					return err
				},
				func() json.RawMessage { return must(s.ProjectIn(ctx, u.AccountID, project.ID))(t).Config },
			},
			"transformation": {
				func(n int) error {
					_, err := s.UpdateTransformation(ctx, transformation.ID, func(t *Transformation) error { return add(&t.Config, n) })
					return err
				},
				func() json.RawMessage { return must(s.TransformationIn(ctx, u.AccountID, transformation.ID))(t).Config },
			},
			"secrets manager": {
				func(n int) error {
					_, err := s.UpdateSecretsManager(ctx, manager.ID, time.Now(), func(m *SecretsManager) error { return add(&m.Config, n) })
					return err
				},
				func() json.RawMessage { return must(s.SecretsManagerIn(ctx, u.AccountID, manager.ID))(t).Config },
			},
			"private link": {
				func(n int) error {
					_, err := s.UpdatePrivateLink(ctx, link.ID, time.Now(), func(l *PrivateLink) error { return add(&l.Config, n) })
					return err
				},
				func() json.RawMessage { return must(s.PrivateLinkIn(ctx, u.AccountID, link.ID))(t).Config },
			},
		} {
			var all sync.WaitGroup
			for n := range sides {
				all.Go(func() {
					if err := of.change(n); err != nil {
						t.Errorf("%s: %v", name, err)
					}
				})
			}
			all.Wait()
			if err := of.change(-1); !errors.Is(err, failed) {
				t.Errorf("%s: got %v", name, err)
			}
			var got []int
			check(t, json.Unmarshal(of.list(), &got))
			slices.Sort(got)
			if !slices.Equal(got, []int{0, 1, 2, 3, 4, 5, 6, 7}) {
				t.Errorf("%s: got %v", name, got)
			}
		}
	})
}
