package api

import (
	"encoding/json"
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
		return transformationPlace(r.transformation), nil
	},
	gone: func(r *request) error { return noTransformation(r.id()) },
}

func noTransformation(id string) error {
	return notFound(fivetran.NotFoundTransformation, "Transformation with id '%s' does not exist.", id)
}

// transformationPlace is where a transformation stands.
func transformationPlace(t *store.Transformation) access.Place {
	return access.Place{Group: t.GroupID, ID: t.ID}
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
	t := &store.Transformation{AccountID: r.caller.AccountID, Type: req.Type, Paused: req.Paused, CreatedBy: r.caller.ID()}
	if err := s.placeTransformation(r, t, req.Config); err != nil {
		return nil, err
	}
	var err error
	if t.Schedule, err = s.transformationSchedule(r, t, req.Schedule); err != nil {
		return nil, err
	}
	if err := s.Store.CreateTransformation(r.Context(), t); err != nil {
		return nil, ifGone(err, noProject(t.ProjectID))
	}
	return wireTransformation(t)
}

// placeTransformation gives a transformation a config and the group that
// follows from it: its project's or that of its connections.
func (s *server) placeTransformation(r *request, t *store.Transformation, c *fivetran.TransformationConfig) error {
	if err := checkTransformation(t.Type, c); err != nil {
		return err
	}
	var gone, err error
	if t.Type == dbtCore {
		gone = noProject(c.ProjectID)
		p, err := s.Store.ProjectIn(r.Context(), r.caller.AccountID, c.ProjectID)
		if err != nil {
			return ifGone(err, gone)
		}
		t.GroupID, t.ProjectID = p.GroupID, p.ID
	} else {
		if t.GroupID, err = s.groupOf(r, "", c.ConnectionIDs); err != nil {
			return err
		}
		gone = noGroup(t.GroupID)
	}
	if err := r.allow(access.Transformations, access.Create, t.GroupID, gone); err != nil {
		return err
	}
	t.Config, err = json.Marshal(c)
	return err
}

// groupOf returns the group of connections, which must be group's unless that
// is empty.
func (s *server) groupOf(r *request, group string, connections []string) (string, error) {
	for _, id := range connections {
		c, err := s.connectionIn(r, id)
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

// transformationSchedule returns the schedule that a request gives a
// transformation, as it is stored.
func (s *server) transformationSchedule(r *request, t *store.Transformation, sc *fivetran.TransformationSchedule) (json.RawMessage, error) {
	if err := checkTransformationSchedule(sc); err != nil {
		return nil, err
	}
	sc.DaysOfWeek, sc.ConnectionIDs, sc.TransformationIDs = once(sc.DaysOfWeek), once(sc.ConnectionIDs), once(sc.TransformationIDs)
	if _, err := s.groupOf(r, t.GroupID, sc.ConnectionIDs); err != nil {
		return nil, err
	}
	for _, id := range sc.TransformationIDs {
		other, err := s.Store.TransformationIn(r.Context(), r.caller.AccountID, id)
		if err == nil && !r.caller.Grants.May(access.Transformations, access.Read, transformationPlace(other)) {
			err = store.ErrNotFound
		}
		if err != nil {
			return nil, ifGone(err, noTransformation(id))
		}
		if other.GroupID != t.GroupID || id == t.ID {
			return nil, invalidInput("Transformation '%s' cannot be waited for", id)
		}
	}
	return json.Marshal(sc)
}

// once returns a list without what it has already named.
func once(list []string) []string {
	seen := make(map[string]bool, len(list))
	return slices.DeleteFunc(list, func(v string) bool {
		named := seen[v]
		seen[v] = true
		return named
	})
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
	// A transformation changes neither its type nor its group: what a request
	// names is looked up by those, before the rest is changed.
	if given(req.Config) && r.transformation.Type == quickstart {
		var names struct {
			ConnectionIDs []string `json:"connection_ids"`
		}
		if err := json.Unmarshal(req.Config, &names); err != nil {
			return nil, badJSON(err)
		}
		if _, err := s.groupOf(r, r.transformation.GroupID, names.ConnectionIDs); err != nil {
			return nil, err
		}
	}
	var plan json.RawMessage
	if req.Schedule != nil {
		var err error
		if plan, err = s.transformationSchedule(r, r.transformation, req.Schedule); err != nil {
			return nil, err
		}
	}
	t, err := s.Store.UpdateTransformation(r.Context(), r.id(), func(t *store.Transformation) (err error) {
		if req.Paused != nil {
			t.Paused = *req.Paused
		}
		if plan != nil {
			t.Schedule = plan
		}
		if given(req.Config) {
			t.Config, err = changedTransformation(t, req.Config)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return wireTransformation(t)
}

// changedTransformation returns the config of a transformation with what a
// request gives in place of what was.
func changedTransformation(t *store.Transformation, config json.RawMessage) (json.RawMessage, error) {
	var c fivetran.TransformationConfig
	if err := json.Unmarshal(t.Config, &c); err != nil {
		return nil, err
	}
	project, steps := c.ProjectID, c.Steps
	c.Steps = nil // or what a step leaves out would be that of the one before
	if err := json.Unmarshal(config, &c); err != nil {
		return nil, badJSON(err)
	}
	if c.Steps == nil {
		c.Steps = steps
	}
	if c.ProjectID != project {
		return nil, invalidInput("Field 'project_id' cannot be changed")
	}
	if err := checkTransformation(t.Type, &c); err != nil {
		return nil, err
	}
	return json.Marshal(c)
}

func (s *server) deleteTransformation(r *request) (any, error) {
	return nil, s.Store.DeleteTransformation(r.Context(), r.id())
}

// runTransformation begins a run, which fails: see noDBT.
func (s *server) runTransformation(r *request) (any, error) {
	var req struct {
		FullRefresh bool `json:"full_refresh"`
	}
	if err := r.read(&req); err != nil {
		return nil, err
	}
	return nil, s.Store.FailTransformation(r.Context(), r.transformation, s.now(), noDBT)
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
