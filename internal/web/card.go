package web

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/setup"
)

// A card is a Connect Card that somebody has opened: an outsider, who may see
// and change one connection, and with these pages no more of it than its config
// and what is approved for it.
type card struct {
	subject
	*store.ConnectCard
	server      *server
	used        bool
	redirectURI string
	hideGuide   bool
	allFields   bool
	service     *service
	stored      configured
}

const cardPath = "/connect-card/setup"

// carded lets through who has a Connect Card that is good. f is not called for
// others: they are told what is wrong with theirs.
func (s *server) carded(f func(*visit, *card) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		held, why := s.Store.ConnectCard(r.Context(), r.FormValue("auth"), s.now())
		if held == nil {
			s.cardRefused(w, nil, why)
			return
		}
		v := &visit{r, s, w, nil, cardCaller(held)}
		c, err := v.card(held)
		if err != nil {
			s.cardFailed(w, r, err)
			return
		}
		s.frame(w, origin(c.redirectURI), origin(c.redirectURI), s.logins.origin(c.stored.Service))
		c.used = errors.Is(why, store.ErrCardUsed)
		if c.used && r.FormValue("step") == testsStep { // whoever has waited for the tests to pass
			http.Redirect(w, r, c.back(), http.StatusSeeOther)
			return
		}
		if why != nil && !(c.used && strings.HasSuffix(r.URL.Path, "/tests")) {
			s.cardRefused(w, c, why)
			return
		}
		if err := v.run(func(v *visit) error { return f(v, c) }); err != nil {
			s.cardFailed(w, r, err)
		}
	}
}

// cardCaller is an outsider to the API: somebody without a name, who may read
// and change this connection.
func cardCaller(c *store.ConnectCard) *store.Caller {
	return &store.Caller{AccountID: c.AccountID, Card: true, Grants: access.Grants{{Resource: access.Connections, Actions: access.Read | access.Edit, IDs: []string{c.ConnectionID}}}}
}

// card reads what a Connect Card is for.
func (v *visit) card(held *store.ConnectCard) (*card, error) {
	c := &card{ConnectCard: held, server: v.s, subject: subject{Kind: "connections", ID: held.ConnectionID, Page: cardPath, Auth: v.FormValue("auth")}}
	if err := v.api("GET", c.api(), nil, &c.stored); err != nil {
		return nil, err
	}
	var config struct {
		RedirectURI    string `json:"redirect_uri"`
		HideSetupGuide bool   `json:"hide_setup_guide"`
		AllFields      bool   `json:"all_fields"`
	}
	if err := json.Unmarshal(c.stored.Card, &config); err != nil {
		return nil, err
	}
	c.redirectURI, c.hideGuide, c.allFields = config.RedirectURI, config.HideSetupGuide, config.AllFields
	if c.service = serviceOf(v.s.sources, c.stored.Service); c.service == nil {
		return nil, errors.New("connection " + c.ConnectionID + ": this server has no service " + c.stored.Service)
	}
	return c, nil
}

// testsStep is the step of a setup in which its tests run.
const testsStep = "tests"

// waiting is the address where an outsider waits for the tests.
func (c *card) waiting() string { return c.Back() + "&step=" + testsStep }

// use makes the card useless when the tests have passed.
func (c *card) use(ctx context.Context, view *testsView) {
	if view.State != "connected" {
		return
	}
	if err := c.server.Store.UseConnectCard(ctx, c.ConnectCard, c.server.now()); err != nil && !errors.Is(err, store.ErrCardUsed) {
		c.server.log.Error("the Connect Card was not used up", slog.String("connection", c.ConnectionID), slog.Any("error", err))
	}
}

// back is where people go when all is done: where the card says, with the
// connection's id.
func (c *card) back() string {
	u, err := url.Parse(c.redirectURI)
	if err != nil {
		return ""
	}
	id := "id=" + url.QueryEscape(c.ConnectionID)
	if u.RawQuery != "" {
		id = u.RawQuery + "&" + id
	}
	u.RawQuery = id
	return u.String()
}

// fields are those that an outsider fills in. Unless the card asks for all they
// are those that it takes to get in: not the ones that have a value already
// whatever the answer, such as how changes are found.
func (c *card) fields() []setup.Field {
	all := c.service.Fields
	if c.allFields {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(f setup.Field) bool {
		asks := slices.ContainsFunc(all, func(g setup.Field) bool { return g.When != nil && g.When.Field == f.Name })
		return f.Immutable || f.Default != nil && !asks && (f.Type == setup.Boolean || f.Enum != nil)
	})
}

// A cardPage is what an outsider sees.
type cardPage struct {
	subject
	Service *service
	Form    *form
	Tests   testsView
	Guide   guide
	Login   string
}

func (c *card) page(v *visit) *cardPage {
	p := &cardPage{subject: c.subject, Service: c.service, Form: newForm(c.fields(), withKey(c.stored.Config, v.s.Store.GroupPublicKey(c.stored.GroupID)), true), Tests: c.tests(v), Login: v.s.loginAt(c.service, c.subject)}
	if !c.hideGuide {
		p.Guide = guideOf(c.service.ID, "source")
	}
	return p
}

func (c *card) tests(v *visit) testsView {
	view := v.tests(c.subject, &c.stored)
	if (c.used || view.ended) && !view.Running && view.State == "connected" {
		view.Done = c.back()
	}
	return view
}

func (s *server) showCard(v *visit, c *card) error { return v.show("card", c.page(v)) }

// fillCard takes what an outsider has entered.
func (s *server) fillCard(v *visit, c *card) error {
	if err := v.ParseForm(); err != nil {
		return err
	}
	page := c.page(v)
	own := *c.service
	own.Fields = c.fields()
	if err := v.save(c.subject, &own, &page.Form); err != nil {
		return err
	}
	if page.Form.Error != "" || len(page.Form.Wrong()) > 0 {
		s.show(v.w, v, "card", http.StatusBadRequest, page)
		return nil
	}
	s.testings.begin(v, c.subject, c.use)
	return v.redirect(c.waiting())
}

func (s *server) testCard(v *visit, c *card) error {
	s.testings.begin(v, c.subject, c.use)
	return v.redirect(c.waiting())
}

func (s *server) cardTests(v *visit, c *card) error {
	view := c.tests(v)
	if view.Done != "" {
		v.w.Header().Set("HX-Redirect", view.Done)
	}
	return v.part("card", "tests", &view)
}

func (s *server) approveByCard(v *visit, c *card) error {
	if err := v.approve(c.subject, c.use); err != nil {
		return err
	}
	return v.redirect(c.waiting())
}

func (s *server) loginByCard(v *visit, c *card) error {
	return v.beginLogin(c.subject, c.stored.Service)
}

// A cardMessage is what is said to somebody whose card opens nothing.
type cardMessage struct {
	message
	Back string // where to go on; "": nobody knows
}

func (s *server) cardRefused(w http.ResponseWriter, c *card, why error) {
	m := cardMessage{message: message{"This link does not work", "It is not complete, or it was changed on the way. Ask for a new one where you got it."}}
	status := http.StatusNotFound
	switch {
	case errors.Is(why, store.ErrCardExpired):
		status, m.message = http.StatusGone, message{"This link has expired", "Links like this work for a day. Ask for a new one where you got it."}
	case errors.Is(why, store.ErrCardReplaced):
		status, m.message = http.StatusGone, message{"There is a newer link", "This one was replaced. Use the newest that you got, or ask for another."}
	case errors.Is(why, store.ErrCardUsed):
		status, m.message = http.StatusGone, message{"This setup is complete", "The link was used, and works only once. To change something, ask for a new one where you got it."}
	case !errors.Is(why, store.ErrCardInvalid):
		s.log.Error("page failed", slog.Any("error", why))
		status, m.message = http.StatusInternalServerError, message{"That did not work", "Try again in a while."}
	}
	if c != nil {
		m.Back = c.back()
	}
	s.show(w, nil, "cardmessage", status, m)
}

func (s *server) cardFailed(w http.ResponseWriter, r *http.Request, err error) {
	var said *apiError
	if errors.As(err, &said) {
		m := cardMessage{message: message{"That did not work", said.Message}}
		if said.Status == http.StatusNotFound {
			m.message = message{"This link does not work", "What it was made for is not there any more."}
		}
		s.show(w, nil, "cardmessage", said.Status, m)
		return
	}
	s.log.Error("page failed", slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Any("error", err))
	s.show(w, nil, "cardmessage", http.StatusInternalServerError, cardMessage{message: message{"That did not work", "Try again in a while."}})
}

// frame says who may show a page within their own, "" for nobody, and where its
// forms may lead beside this server, by redirects too; "" is nowhere.
func (s *server) frame(w http.ResponseWriter, ancestor string, actions ...string) {
	p := policy
	if ancestor != "" {
		p = strings.Replace(p, "frame-ancestors 'none'", "frame-ancestors "+ancestor, 1)
		w.Header().Del("X-Frame-Options") // which cannot name anybody
	}
	for _, a := range actions {
		if a != "" {
			p = strings.Replace(p, "; frame-ancestors", " "+a+"; frame-ancestors", 1)
		}
	}
	w.Header().Set("Content-Security-Policy", p)
}
