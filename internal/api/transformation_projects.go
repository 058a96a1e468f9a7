package api

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/setup"
)

var aProject = subject{
	limited: true, resource: access.Transformations,
	find: func(s *server, r *request) (p access.Place, err error) {
		if r.project, err = s.Store.ProjectIn(r.Context(), r.caller.AccountID, r.id()); err != nil {
			return p, err
		}
		return access.Place{Group: r.project.GroupID, ID: r.project.ID}, nil
	},
	gone: func(r *request) error { return projectGone(store.ErrNotFound, r.id()) },
}

func projectGone(err error, id string) error {
	if errors.Is(err, store.ErrNotFound) {
		return notFound(fivetran.NotFoundProject, "Transformation project with id '%s' does not exist.", id)
	}
	return err
}

func (s *server) listProjects(r *request) (any, error) {
	return paged(r, wireProjectItem, func(page store.Page) ([]store.Project, string, error) {
		return s.Store.Projects(r.Context(), r.caller.AccountID, r.scope(access.Transformations), page)
	})
}

func (s *server) createProject(r *request) (any, error) {
	var req fivetran.NewProject
	if err := r.read(&req); err != nil {
		return nil, err
	}
	switch {
	case req.GroupID == "":
		return nil, fieldRequired("group_id")
	case req.Type == "":
		return nil, fieldRequired("type")
	case req.Type != dbtCore:
		return nil, invalidInput("Invalid value for field 'type'")
	case req.Config == nil:
		return nil, fieldRequired("project_config")
	}
	if err := checkProject(req.Config); err != nil {
		return nil, err
	}
	if err := s.groupIn(r, req.GroupID, access.Transformations, access.Create, noGroup(req.GroupID)); err != nil {
		return nil, err
	}
	p := &store.Project{AccountID: r.caller.AccountID, GroupID: req.GroupID, Type: req.Type, CreatedBy: r.actor()}
	var err error
	if p.Config, err = json.Marshal(req.Config); err != nil {
		return nil, err
	}
	if err := s.testProject(r, p, req.RunTests); err != nil {
		return nil, err
	}
	if err := s.Store.CreateProject(r.Context(), p); err != nil {
		return nil, err
	}
	return s.wireProject(p)
}

func checkProject(c *fivetran.ProjectConfig) error {
	c.PublicKey = ""
	switch {
	case c.DBTVersion == "":
		return fieldRequired("dbt_version")
	case c.DefaultSchema == "":
		return fieldRequired("default_schema")
	case c.GitRemoteURL == "":
		return fieldRequired("git_remote_url")
	case c.Threads < 0:
		return invalidInput("Invalid value for field 'threads'")
	}
	return nil
}

// testProject notes what tests of a project show, unless run says that they
// are not wanted.
func (s *server) testProject(r *request, p *store.Project, run *bool) error {
	if isFalse(run) {
		return nil
	}
	p.Status, p.SetupTests = store.ProjectError, []setup.TestResult{{Title: "Checking the destination", Status: setup.Passed}}
	d, err := s.Store.Destination(r.Context(), p.GroupID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		p.SetupTests[0].Status, p.SetupTests[0].Message = setup.Failed, "The group has no destination."
	case err != nil:
		return err
	case d.SetupStatus != store.Connected:
		p.SetupTests[0].Status, p.SetupTests[0].Message = setup.Failed, "The destination's setup tests have not passed."
	}
	p.SetupTests = append(p.SetupTests, setup.TestResult{Title: "Running dbt", Status: setup.Failed, Message: noDBT})
	return nil
}

func (s *server) showProject(r *request) (any, error) { return s.wireProject(r.project) }

func (s *server) updateProject(r *request) (any, error) {
	var req fivetran.UpdateProject
	if err := r.read(&req); err != nil {
		return nil, err
	}
	p := r.project
	if given(req.Config) {
		var before fivetran.ProjectConfig
		if err := json.Unmarshal(p.Config, &before); err != nil {
			return nil, err
		}
		after := before
		after.EnvironmentVars = slices.Clone(before.EnvironmentVars)
		if err := json.Unmarshal(req.Config, &after); err != nil { // what it says in place of what was
			return nil, badJSON(err)
		}
		after.DBTVersion, after.DefaultSchema, after.GitRemoteURL = before.DBTVersion, before.DefaultSchema, before.GitRemoteURL // fixed
		unmaskVariables(after.EnvironmentVars, before.EnvironmentVars)
		if err := checkProject(&after); err != nil {
			return nil, err
		}
		b, err := json.Marshal(after)
		if err != nil {
			return nil, err
		}
		p.Config = b
	}
	if err := s.testProject(r, p, req.RunTests); err != nil {
		return nil, err
	}
	return s.keptProject(r)
}

// keptProject saves the project that the path names and returns it.
func (s *server) keptProject(r *request) (any, error) {
	if err := s.Store.UpdateProject(r.Context(), r.project); err != nil {
		return nil, projectGone(err, r.id())
	}
	return s.wireProject(r.project)
}

func (s *server) retestProject(r *request) (any, error) {
	if err := s.testProject(r, r.project, nil); err != nil {
		return nil, err
	}
	return s.keptProject(r)
}

func (s *server) deleteProject(r *request) (any, error) {
	err := s.Store.DeleteProject(r.Context(), r.id())
	if errors.Is(err, store.ErrInUse) {
		return nil, conflict("Transformation project with id '%s' cannot be deleted because it has transformations", r.id())
	}
	return nil, projectGone(err, r.id())
}

func wireProjectItem(p *store.Project) fivetran.ProjectItem {
	return fivetran.ProjectItem{ID: p.ID, Type: p.Type, CreatedAt: p.CreatedAt, CreatedByID: p.CreatedBy, GroupID: p.GroupID}
}

// secretVariable is how the names of environment variables begin whose values
// dbt keeps secret (dbt documentation, "Environment variables", 2026).
const secretVariable = "DBT_ENV_SECRET"

// maskVariables hides the values of secret variables.
func maskVariables(vars []string) {
	for i, v := range vars {
		if name, _, ok := strings.Cut(v, "="); ok && strings.HasPrefix(name, secretVariable) {
			vars[i] = name + "=" + masked
		}
	}
}

// unmaskVariables puts the stored values where a request sends them back
// hidden.
func unmaskVariables(vars, stored []string) {
	for i, v := range vars {
		name, value, _ := strings.Cut(v, "=")
		if value != masked {
			continue
		}
		for _, s := range stored {
			if strings.HasPrefix(s, name+"=") {
				vars[i] = s
			}
		}
	}
}

// masked stands for a secret in responses.
const masked = "******"

// wireProject shows a project with the key by which its group reads
// repositories.
func (s *server) wireProject(p *store.Project) (fivetran.Project, error) {
	w := fivetran.Project{ProjectItem: wireProjectItem(p), Status: p.Status, Errors: []string{}, SetupTests: wireTests(p.SetupTests)}
	for _, t := range p.SetupTests {
		if t.Status == setup.Failed {
			w.Errors = append(w.Errors, t.Message)
		}
	}
	err := json.Unmarshal(p.Config, &w.Config)
	maskVariables(w.Config.EnvironmentVars)
	w.Config.PublicKey = s.Store.GroupPublicKey(p.GroupID)
	return w, err
}
