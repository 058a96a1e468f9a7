package api

import (
	"encoding/json"
	"errors"
	"net/url"
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
	gone: func(r *request) error { return noProject(r.id()) },
}

func noProject(id string) error {
	return notFound(fivetran.NotFoundProject, "Transformation project with id '%s' does not exist.", id)
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
	if err := checkRepository(req.Config.GitRemoteURL); err != nil {
		return nil, err
	}
	if err := s.groupIn(r, req.GroupID, access.Transformations, access.Create, noGroup(req.GroupID)); err != nil {
		return nil, err
	}
	p := &store.Project{AccountID: r.caller.AccountID, GroupID: req.GroupID, Type: req.Type, CreatedBy: r.caller.ID()}
	var err error
	if p.Config, err = json.Marshal(req.Config); err != nil {
		return nil, err
	}
	if p.Status, p.SetupTests, err = s.testProject(r, p.GroupID, req.RunTests); err != nil {
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

// checkRepository refuses the URL of a repository that tells a password, for
// everybody sees it who sees the project. Over HTTP the user's name alone may be
// a token.
func checkRepository(text string) error {
	if !strings.Contains(text, "://") { // git@host:path
		return nil
	}
	u, err := url.Parse(text)
	if err != nil {
		return invalidInput("Invalid value for field 'git_remote_url'")
	}
	if _, secret := u.User.Password(); secret || u.User != nil && (u.Scheme == "http" || u.Scheme == "https") {
		return invalidInput("Invalid value for field 'git_remote_url': it must not contain credentials")
	}
	return nil
}

// testProject returns what tests of a project in a group show; nothing if run
// says that they are not wanted.
func (s *server) testProject(r *request, groupID string, run *bool) (status string, tests []setup.TestResult, err error) {
	if isFalse(run) {
		return "", nil, nil
	}
	group := setup.TestResult{Title: "Checking the destination", Status: setup.Passed}
	d, err := s.Store.Destination(r.Context(), groupID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		group.Status, group.Message = setup.Failed, "The group has no destination."
	case err != nil:
		return "", nil, err
	case d.SetupStatus != store.Connected:
		group.Status, group.Message = setup.Failed, "The destination's setup tests have not passed."
	}
	return store.ProjectError, []setup.TestResult{group, {Title: "Running dbt", Status: setup.Failed, Message: noDBT}}, nil
}

func (s *server) showProject(r *request) (any, error) { return s.wireProject(r.project) }

func (s *server) updateProject(r *request) (any, error) {
	var req fivetran.UpdateProject
	if err := r.read(&req); err != nil {
		return nil, err
	}
	return s.changeProject(r, req.Config, req.RunTests)
}

func (s *server) retestProject(r *request) (any, error) { return s.changeProject(r, nil, nil) }

// changeProject changes the config of the project that the path names by what a
// request gives of it, if that is anything, and notes what tests show, unless
// run says that they are not wanted.
func (s *server) changeProject(r *request, config json.RawMessage, run *bool) (any, error) {
	status, tests, err := s.testProject(r, r.project.GroupID, run)
	if err != nil {
		return nil, err
	}
	p, err := s.Store.UpdateProject(r.Context(), r.id(), func(p *store.Project) (err error) {
		if status != "" {
			p.Status, p.SetupTests = status, tests
		}
		if given(config) {
			p.Config, err = changedProject(p.Config, config)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.wireProject(p)
}

// changedProject returns the config of a project with what a request gives in
// place of what was.
func changedProject(was, config json.RawMessage) (json.RawMessage, error) {
	var before fivetran.ProjectConfig
	if err := json.Unmarshal(was, &before); err != nil {
		return nil, err
	}
	after := before
	after.EnvironmentVars = slices.Clone(before.EnvironmentVars)
	if err := json.Unmarshal(config, &after); err != nil {
		return nil, badJSON(err)
	}
	after.DBTVersion, after.DefaultSchema, after.GitRemoteURL = before.DBTVersion, before.DefaultSchema, before.GitRemoteURL // fixed
	unmaskVariables(after.EnvironmentVars, before.EnvironmentVars)
	if err := checkProject(&after); err != nil {
		return nil, err
	}
	return json.Marshal(after)
}

func (s *server) deleteProject(r *request) (any, error) {
	err := s.Store.DeleteProject(r.Context(), r.id())
	if errors.Is(err, store.ErrInUse) {
		return nil, conflict("Transformation project with id '%s' cannot be deleted because it has transformations", r.id())
	}
	return nil, err
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
			vars[i] = name + "=" + setup.Masked
		}
	}
}

// unmaskVariables puts the stored values where a request sends them back
// hidden.
func unmaskVariables(vars, stored []string) {
	for i, v := range vars {
		name, value, _ := strings.Cut(v, "=")
		if value != setup.Masked {
			continue
		}
		for _, s := range stored {
			if strings.HasPrefix(s, name+"=") {
				vars[i] = s
			}
		}
	}
}

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
