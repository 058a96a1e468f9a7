package api

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/schedule"
	"github.com/penstock-data/penstock/internal/store"
)

// Types of transformations; projects are of the first.
const (
	dbtCore    = "DBT_CORE"
	quickstart = "QUICKSTART"
)

// noDBT is why no run of a transformation succeeds.
const noDBT = "This server does not run dbt. Run the models with dbt itself, for example when a sync_end webhook comes."

var aTransformation = subject{
	limited: true, resource: access.Transformations,
	find: func(s *server, r *request) (p access.Place, err error) {
		if r.transformation, err = s.Store.TransformationIn(r.Context(), r.caller.AccountID, r.id()); err != nil {
			return p, err
		}
		return access.Place{Group: r.transformation.GroupID, ID: r.transformation.ID}, nil
	},
	gone: func(r *request) error { return transformationGone(store.ErrNotFound, r.id()) },
}

func transformationGone(err error, id string) error {
	if errors.Is(err, store.ErrNotFound) {
		return notFound(fivetran.NotFoundTransformation, "Transformation with id '%s' does not exist.", id)
	}
	return err
}

func (s *server) listTransformations(r *request) (any, error) {
	page, err := r.page()
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	filter := store.TransformationFilter{AccountID: r.caller.AccountID, GroupID: q.Get("group_id"), ProjectID: q.Get("project_id"),
		Type: q.Get("type"), Scope: r.scope(access.Transformations)}
	if filter.Type != "" && filter.Type != dbtCore && filter.Type != quickstart {
		return nil, invalidInput("Invalid value for parameter 'type'")
	}
	all, next, err := s.Store.Transformations(r.Context(), filter, page)
	if err != nil {
		return nil, err
	}
	items := make([]fivetran.Transformation, len(all))
	for i := range all {
		if items[i], err = wireTransformation(&all[i]); err != nil {
			return nil, err
		}
	}
	return newPage(items, next, func(t *fivetran.Transformation) fivetran.Transformation { return *t }), nil
}

func (s *server) createTransformation(r *request) (any, error) {
	var req fivetran.NewTransformation
	if err := r.read(&req); err != nil {
		return nil, err
	}
	switch {
	case req.Type == "":
		return nil, fieldRequired("type")
	case req.Type != dbtCore && req.Type != quickstart:
		return nil, invalidInput("Invalid value for field 'type'")
	case req.Schedule == nil:
		return nil, fieldRequired("schedule")
	case req.Config == nil:
		return nil, fieldRequired("transformation_config")
	}
	t := &store.Transformation{AccountID: r.caller.AccountID, Type: req.Type, Paused: req.Paused, CreatedBy: r.actor()}
	if err := s.placeTransformation(r, t, req.Config); err != nil {
		return nil, err
	}
	if err := s.scheduleTransformation(r, t, req.Schedule); err != nil {
		return nil, err
	}
	if err := s.Store.CreateTransformation(r.Context(), t); err != nil {
		return nil, projectGone(err, t.ProjectID)
	}
	return wireTransformation(t)
}

// placeTransformation gives a transformation a config and the group that
// follows from it: its project's or that of its connections.
func (s *server) placeTransformation(r *request, t *store.Transformation, c *fivetran.TransformationConfig) error {
	if err := checkTransformation(t.Type, c); err != nil {
		return err
	}
	group := ""
	if t.Type == dbtCore {
		gone := projectGone(store.ErrNotFound, c.ProjectID)
		p, err := s.Store.ProjectIn(r.Context(), r.caller.AccountID, c.ProjectID)
		if err != nil {
			return projectGone(err, c.ProjectID)
		}
		if err := r.allow(access.Transformations, access.Create, p.GroupID, gone); err != nil {
			return err
		}
		group, t.ProjectID = p.GroupID, p.ID
	}
	group, err := s.groupOf(r, group, c.ConnectionIDs)
	if err != nil {
		return err
	}
	if err := r.allow(access.Transformations, access.Create, group, noGroup(group)); err != nil {
		return err
	}
	t.GroupID = group
	t.Config, err = json.Marshal(c)
	return err
}

// groupOf returns the group of connections, which must be group's unless that
// is empty.
func (s *server) groupOf(r *request, group string, connections []string) (string, error) {
	for _, id := range connections {
		c, err := s.Store.ConnectionIn(r.Context(), r.caller.AccountID, id)
		if errors.Is(err, store.ErrNotFound) {
			return "", notFound(fivetran.NotFoundConnection, "Connection with id '%s' does not exist.", id)
		}
		if err != nil {
			return "", err
		}
		if group == "" {
			group = c.GroupID
		}
		if c.GroupID != group {
			return "", invalidInput("Connection '%s' is not in group '%s'", id, group)
		}
	}
	return group, nil
}

// checkTransformation checks a config by itself, and takes from it what
// belongs to the other type.
func checkTransformation(kind string, c *fivetran.TransformationConfig) error {
	c.UpgradeAvailable = nil
	if kind == quickstart {
		*c = fivetran.TransformationConfig{PackageName: c.PackageName, ConnectionIDs: c.ConnectionIDs, ExcludedModels: c.ExcludedModels,
			ConfigurableVariables: c.ConfigurableVariables}
		switch {
		case c.PackageName == "":
			return fieldRequired("package_name")
		case len(c.ConnectionIDs) == 0:
			return fieldRequired("connection_ids")
		}
		return nil
	}
	*c = fivetran.TransformationConfig{ProjectID: c.ProjectID, Name: c.Name, Steps: c.Steps}
	switch {
	case c.ProjectID == "":
		return fieldRequired("project_id")
	case c.Name == "":
		return fieldRequired("name")
	case len(c.Steps) == 0:
		return fieldRequired("steps")
	case slices.ContainsFunc(c.Steps, func(s fivetran.TransformationStep) bool { return s.Command == "" }):
		return fieldRequired("command")
	}
	return nil
}

// scheduleTransformation gives a transformation a schedule.
func (s *server) scheduleTransformation(r *request, t *store.Transformation, sc *fivetran.TransformationSchedule) error {
	if err := checkTransformationSchedule(sc); err != nil {
		return err
	}
	if _, err := s.groupOf(r, t.GroupID, sc.ConnectionIDs); err != nil {
		return err
	}
	for _, id := range sc.TransformationIDs {
		other, err := s.Store.TransformationIn(r.Context(), r.caller.AccountID, id)
		if err != nil {
			return transformationGone(err, id)
		}
		if other.GroupID != t.GroupID || id == t.ID {
			return invalidInput("Transformation '%s' cannot be waited for", id)
		}
	}
	b, err := json.Marshal(sc)
	t.Schedule = b
	return err
}

// checkTransformationSchedule checks a schedule by itself, with the rules of
// the connections' where they are the same.
func checkTransformationSchedule(sc *fivetran.TransformationSchedule) error {
	plan := schedule.Plan{Kind: sc.ScheduleType, Minutes: sc.Interval, Time: sc.TimeOfDay, Days: sc.DaysOfWeek}
	switch sc.ScheduleType {
	case "":
		return fieldRequired("schedule_type")
	case "INTEGRATED":
		plan = schedule.Plan{Kind: schedule.Interval, Minutes: 1, Days: sc.DaysOfWeek}
	case schedule.TimeOfDay:
		if sc.TimeOfDay != "" && !strings.HasSuffix(sc.TimeOfDay, ":00") && !strings.HasSuffix(sc.TimeOfDay, ":30") {
			return invalidInput("Invalid schedule: field 'time_of_day' is a full or a half hour")
		}
	case schedule.Cron:
		if len(sc.Cron) == 0 {
			return fieldRequired("cron")
		}
		for _, expr := range sc.Cron[1:] {
			if err := checkPlan(schedule.Plan{Kind: schedule.Cron, Cron: expr}); err != nil {
				return err
			}
		}
		plan.Cron = sc.Cron[0]
	case schedule.Interval:
	default:
		return invalidInput("Invalid schedule: field 'schedule_type' is one of INTEGRATED, TIME_OF_DAY, INTERVAL, CRON")
	}
	return checkPlan(plan)
}

func checkPlan(p schedule.Plan) error {
	if _, err := schedule.NewPlan(p); err != nil {
		return invalidInput("Invalid schedule: %s", err)
	}
	return nil
}

func (s *server) showTransformation(r *request) (any, error) {
	return wireTransformation(r.transformation)
}

func (s *server) updateTransformation(r *request) (any, error) {
	var req fivetran.UpdateTransformation
	if err := r.read(&req); err != nil {
		return nil, err
	}
	t := r.transformation
	if req.Paused != nil {
		t.Paused = *req.Paused
	}
	if given(req.Config) {
		var c fivetran.TransformationConfig
		if err := json.Unmarshal(t.Config, &c); err != nil {
			return nil, err
		}
		project, group := c.ProjectID, t.GroupID
		if err := json.Unmarshal(req.Config, &c); err != nil { // what it says in place of what was
			return nil, badJSON(err)
		}
		if c.ProjectID != project {
			return nil, invalidInput("Field 'project_id' cannot be changed")
		}
		if err := checkTransformation(t.Type, &c); err != nil {
			return nil, err
		}
		if _, err := s.groupOf(r, group, c.ConnectionIDs); err != nil {
			return nil, err
		}
		b, err := json.Marshal(c)
		if err != nil {
			return nil, err
		}
		t.Config = b
	}
	if req.Schedule != nil {
		if err := s.scheduleTransformation(r, t, req.Schedule); err != nil {
			return nil, err
		}
	}
	if err := s.Store.UpdateTransformation(r.Context(), t); err != nil {
		return nil, transformationGone(err, r.id())
	}
	return wireTransformation(t)
}

func (s *server) deleteTransformation(r *request) (any, error) {
	return nil, transformationGone(s.Store.DeleteTransformation(r.Context(), r.id()), r.id())
}

// runTransformation begins a run, which fails: see noDBT.
func (s *server) runTransformation(r *request) (any, error) {
	var req struct {
		FullRefresh bool `json:"full_refresh"`
	}
	if err := r.read(&req); err != nil {
		return nil, err
	}
	return nil, transformationGone(s.Store.FailTransformation(r.Context(), r.transformation, s.now(), noDBT), r.id())
}

// cancelTransformation finds nothing to cancel: no run lasts.
func (s *server) cancelTransformation(r *request) (any, error) {
	return nil, conflict("Transformation with id '%s' is not running", r.id())
}

func (s *server) upgradeTransformation(r *request) (any, error) {
	if r.transformation.Type != quickstart {
		return nil, invalidInput("Only the package of a %s transformation can be upgraded", quickstart)
	}
	return nil, noPackage("of transformation '" + r.id() + "'")
}

// listPackageMetadata lists the Quickstart packages of this server: none.
func (s *server) listPackageMetadata(r *request) (any, error) {
	if _, err := r.page(); err != nil {
		return nil, err
	}
	return fivetran.Page[fivetran.PackageMetadata]{Items: []fivetran.PackageMetadata{}}, nil
}

func (s *server) packageMetadata(r *request) (any, error) {
	return nil, noPackage("with id '" + r.id() + "'")
}

func noPackage(which string) error {
	return notFound(fivetran.NotFound, "Transformation package %s does not exist.", which)
}

func wireTransformation(t *store.Transformation) (fivetran.Transformation, error) {
	w := fivetran.Transformation{ID: t.ID, Status: t.Status, Schedule: t.Schedule, Type: t.Type, Paused: t.Paused, CreatedAt: t.CreatedAt,
		CreatedByID: t.CreatedBy, LastStartedAt: optionalTime(t.StartedAt), LastEndedAt: optionalTime(t.EndedAt), OutputModelNames: []string{}}
	err := json.Unmarshal(t.Config, &w.Config)
	if t.Type == quickstart {
		w.Config.UpgradeAvailable = new(bool)
	}
	return w, err
}
