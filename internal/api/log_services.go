package api

import (
	"errors"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/logship"
	"github.com/penstock-data/penstock/internal/store"
)

var (
	// aLogService is that of the group that the path names.
	aLogService = subject{
		limited: true, resource: access.Destinations,
		find: func(s *server, r *request) (p access.Place, err error) {
			if r.logService, err = s.Store.LogServiceIn(r.Context(), r.caller.AccountID, r.id()); err != nil {
				return p, err
			}
			return groupPlace(r.logService.GroupID), nil
		},
		gone: func(r *request) error { return noLogService(r.id()) },
	}

	// theLogService is the account's own.
	theLogService = subject{
		limited: true, resource: access.Account,
		find: func(s *server, r *request) (p access.Place, err error) {
			r.logService, err = s.Store.LogServiceIn(r.Context(), r.caller.AccountID, "")
			return p, err
		},
		gone: func(*request) error { return noLogService("") },
	}
)

// noLogService is the error of a group without a log service, or of the
// account if the id is empty.
func noLogService(groupID string) error {
	if groupID == "" {
		return notFound(fivetran.NotFoundLogService, "The account has no log service.")
	}
	return notFound(fivetran.NotFoundLogService, "Log service with id '%s' does not exist.", groupID)
}

func (s *server) listLogServices(r *request) (any, error) {
	return paged(r, wireLogServiceItem, func(page store.Page) ([]store.LogService, string, error) {
		return s.Store.LogServices(r.Context(), r.caller.AccountID, r.scope(access.Destinations), page)
	})
}

// listLogServiceKinds lists the kinds of log services. It is Penstock's own,
// under /v1/penstock.
func (s *server) listLogServiceKinds(r *request) (any, error) {
	return partOf(r, logship.Services, func(k **logship.Service) fivetran.LogServiceKind {
		kind := fivetran.LogServiceKind{ID: (*k).ID, Name: (*k).Config.Title, Fields: []fivetran.ServiceField{}}
		for _, f := range (*k).Config.Fields {
			if !f.Readonly {
				kind.Fields = append(kind.Fields, fivetran.ServiceField{Name: f.Name, Title: f.Title, Help: f.Help, Type: string(f.Type),
					Secret: f.Secret, Required: f.Required, Options: append([]string{}, f.Enum...), Default: f.Default})
			}
		}
		return kind
	})
}

func (s *server) showLogService(r *request) (any, error) { return wireLogService(r.logService) }

// createLogService makes the log service of the group that the body names.
func (s *server) createLogService(r *request) (any, error) {
	var req fivetran.NewLogService
	if err := r.read(&req); err != nil {
		return nil, err
	}
	if req.GroupID == "" {
		return nil, fieldRequired("group_id")
	}
	if err := s.groupIn(r, req.GroupID, access.Destinations, access.Edit, noGroup(req.GroupID)); err != nil {
		return nil, err
	}
	return s.addLogService(r, req.GroupID, &req)
}

// createAccountLogService makes the account's own.
func (s *server) createAccountLogService(r *request) (any, error) {
	var req fivetran.NewLogService
	if err := r.read(&req); err != nil {
		return nil, err
	}
	return s.addLogService(r, "", &req)
}

func (s *server) addLogService(r *request, groupID string, req *fivetran.NewLogService) (any, error) {
	if req.Service == "" {
		return nil, fieldRequired("service")
	}
	service := logship.ServiceOf(req.Service)
	if service == nil {
		return nil, invalidInput("Unsupported service '%s'", req.Service)
	}
	config, err := service.Config.Normalize(req.Config)
	if req.RunSetupTests {
		config, err = service.Config.Check(req.Config)
	}
	if err == nil {
		err = service.Check(config)
	}
	if err != nil {
		return nil, err
	}
	l := &store.LogService{AccountID: r.caller.AccountID, GroupID: groupID, Service: req.Service, Enabled: !isFalse(req.Enabled), Config: config}
	l.Complete = len(service.Config.Missing(config)) == 0
	if !l.Complete {
		l.SetupState = store.Incomplete
	}
	err = s.Store.CreateLogService(r.Context(), l)
	switch {
	case errors.Is(err, store.ErrExists) && groupID == "":
		return nil, conflict("The account has a log service already")
	case errors.Is(err, store.ErrExists):
		return nil, conflict("Log service with id '%s' already exists", groupID)
	case errors.Is(err, store.ErrNotFound):
		return nil, noGroup(groupID)
	case err != nil:
		return nil, err
	case req.RunSetupTests:
		return s.testedLogService(r, l)
	}
	return wireLogService(l)
}

func (s *server) updateLogService(r *request) (any, error) {
	var req fivetran.UpdateLogService
	if err := r.read(&req); err != nil {
		return nil, err
	}
	now := r.logService
	service := logship.ServiceOf(now.Service)
	if service == nil {
		return nil, invalidInput("Unsupported service '%s'", now.Service)
	}
	l, err := s.Store.UpdateLogService(r.Context(), now.AccountID, now.GroupID, func(l *store.LogService) error {
		if req.Enabled != nil {
			l.Enabled = *req.Enabled
		}
		if !given(req.Config) {
			return nil
		}
		config, err := service.Config.Merge(l.Config, req.Config)
		if err != nil || string(config) == string(l.Config) {
			return err
		}
		if err := service.Check(config); err != nil {
			return err
		}
		// What was found of the old config says nothing about the new one.
		l.Config, l.SetupState, l.SetupTests, l.Error = config, "", nil, ""
		if l.Complete = len(service.Config.Missing(config)) == 0; !l.Complete {
			l.SetupState = store.Incomplete
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if req.RunSetupTests {
		return s.testedLogService(r, l)
	}
	return wireLogService(l)
}

func (s *server) deleteLogService(r *request) (any, error) {
	l := r.logService
	return nil, s.Store.DeleteLogService(r.Context(), l.AccountID, l.GroupID)
}

func (s *server) testLogService(r *request) (any, error) {
	l, err := s.tryLogService(r, r.logService)
	if err != nil {
		return nil, err
	}
	return fivetran.LogServiceTests{SetupTests: wireTests(l.SetupTests)}, nil
}

// testedLogService returns a log service after its setup tests.
func (s *server) testedLogService(r *request, l *store.LogService) (any, error) {
	l, err := s.tryLogService(r, l)
	if err != nil {
		return nil, err
	}
	return wireLogService(l)
}

// tryLogService runs setup tests and notes what they show, unless the config
// has changed meanwhile.
func (s *server) tryLogService(r *request, l *store.LogService) (*store.LogService, error) {
	tests := s.Logs.Test(r.Context(), l)
	tested, groupID := string(l.Config), l.GroupID
	l, err := s.Store.UpdateLogService(r.Context(), l.AccountID, l.GroupID, func(l *store.LogService) error {
		if string(l.Config) != tested {
			return nil
		}
		l.SetupTests, l.Error = tests, ""
		if l.SetupState = store.Tested(l.SetupState, tests); l.SetupState != store.Connected {
			l.Error = tests[0].Message
		}
		return nil
	})
	return l, ifGone(err, noLogService(groupID))
}

func wireLogServiceItem(l *store.LogService) fivetran.LogServiceItem {
	w := fivetran.LogServiceItem{ID: l.GroupID, Service: l.Service, Enabled: l.Enabled}
	if l.GroupID == "" {
		w.ID = l.AccountID
	}
	if l.SetupState == "" {
		return w
	}
	w.Status = &fivetran.LogServiceStatus{Tasks: []fivetran.LogAlert{}, SetupState: l.SetupState}
	if l.SetupState == store.Broken {
		w.Status.Tasks = append(w.Status.Tasks, fivetran.LogAlert{Code: "reconnect_log", Message: "Reconnect Logging Service", Details: l.Error})
	}
	return w
}

func wireLogService(l *store.LogService) (fivetran.LogService, error) {
	w := fivetran.LogService{LogServiceItem: wireLogServiceItem(l), SetupTests: wireTests(l.SetupTests)}
	service := logship.ServiceOf(l.Service)
	if service == nil {
		return w, errors.New("log service " + w.ID + ": this server has no service " + l.Service)
	}
	var err error
	w.Config, err = service.Config.Mask(l.Config)
	return w, err
}
