package main

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/all"
	destinations "github.com/penstock-data/penstock/destination/all"
	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/api"
	"github.com/penstock-data/penstock/internal/engine"
	"github.com/penstock-data/penstock/internal/logship"
	"github.com/penstock-data/penstock/internal/outside"
	"github.com/penstock-data/penstock/internal/records"
	"github.com/penstock-data/penstock/internal/runner"
	"github.com/penstock-data/penstock/internal/secret"
	"github.com/penstock-data/penstock/internal/secretsmanager"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/internal/web"
	"github.com/penstock-data/penstock/internal/webhook"
)

// An outward says where a server finds those outside with whom it speaks.
type outward struct {
	Endpoint        map[string]string `help:"Read a service's API at another address: 15five=http://127.0.0.1:9000." placeholder:"SERVICE=URL"`
	OAuthEndpoint   map[string]string `name:"oauth-endpoint" help:"Let people log in to a vendor at another address: salesforce=http://127.0.0.1:9000. Apps are given by PENSTOCK_OAUTH_… in the environment; see docs/operation.md." placeholder:"VENDOR=URL"`
	OutsideCA       string            `help:"File of certificates of authorities that webhooks' receivers, log services and secrets managers may be signed by, beside the system's." placeholder:"FILE"`
	OutsideNetworks []netip.Prefix    `help:"Networks beyond the public internet that webhooks, log services and secrets managers may lead to: 10.0.0.0/8. None by default." placeholder:"CIDR"`
	OIDCIssuer      string            `name:"oidc-issuer" help:"Let people sign in at this provider of OpenID Connect; the client's secret is PENSTOCK_OIDC_CLIENT_SECRET. See docs/operation.md." placeholder:"URL"`
	OIDCClientID    string            `name:"oidc-client-id" help:"What the provider knows Penstock as." placeholder:"ID"`
	OIDCRole        string            `name:"oidc-role" help:"Role in the account of people whom the provider knows and nobody has invited. Without it they are refused." placeholder:"ROLE"`
}

type serveCmd struct {
	outward
	Data          string     `default:"penstock-data" help:"Folder of Penstock's own database and master key. One server at a time." placeholder:"DIR"`
	Listen        string     `default:"127.0.0.1:8080" help:"Address to serve on." placeholder:"ADDR"`
	PublicURL     string     `help:"Address by which people and agents reach the server, for links in answers. By default the one that a request came to." placeholder:"URL"`
	DatabaseURL   string     `help:"Keep Penstock's own database in PostgreSQL, which several servers may share." placeholder:"URL"`
	Seed          string     `help:"JSON file that declares account, users, API keys and groups; see docs/operation.md." placeholder:"FILE"`
	Records       []string   `sep:"none" help:"JSON file that declares services without a connector here, whose connections and destinations are kept only; may be given again. See docs/operation.md." placeholder:"FILE"`
	GoogleProject string     `default:"penstock" help:"Google Cloud project that the groups' service accounts are named in." placeholder:"ID"`
	Syncs         int        `default:"4" help:"How many syncs may run at once."`
	Followers     int        `default:"16" help:"How many syncs of continuous connections may stay on with their sources, beside those."`
	Memory        byteSize   `default:"512MiB" help:"What each sync may take of memory."`
	Spill         byteSize   `default:"16GiB" help:"What files of changes may take, for each connection that moves what its source keeps back into files (at_log_limit SPILL). They are in the data folder." placeholder:"BYTES"`
	RateLimits    bool       `default:"true" negatable:"" help:"Limit requests as Fivetran does, and wrong API keys; see docs/operation.md."`
	LogFormat     string     `default:"text" enum:"text,json" help:"text or json."`
	LogLevel      slog.Level `default:"info" help:"debug, info, warn or error."`
}

func (c *serveCmd) Run(ctx context.Context) error {
	p, err := c.open(ctx, all.Services)
	if err != nil {
		return err
	}
	defer p.close()
	if p.key != "" {
		fmt.Printf("This is the first start. The API key is shown only now:\n\n  key     %s\n  secret  %s\n\n", p.key, p.secret)
	}
	if p.link != "" {
		fmt.Printf("Choose a password for the pages here, once, within two days:\n\n  %s\n\n", cmp.Or(c.PublicURL, "http://"+c.Listen)+p.link)
	}
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return err
	}
	fmt.Printf("serving on http://%s/v1\n", l.Addr())
	return p.serve(ctx, l)
}

// A platform is a server that has been opened and not yet begun to serve.
type platform struct {
	store       *store.Store
	engine      *engine.InProcess
	webhooks    *webhook.Deliverer
	logs        *logship.Shipper
	handler     http.Handler
	log         *slog.Logger
	sso         *web.SSO
	public      string // the server's address, "": as requests have it
	key, secret string // the API key, if this is the first start
	link        string // the path where the owner chooses a password, then
}

func (c *serveCmd) open(ctx context.Context, services []connector.Service) (_ *platform, err error) {
	opt := &slog.HandlerOptions{Level: c.LogLevel}
	var h slog.Handler = slog.NewTextHandler(os.Stderr, opt)
	if c.LogFormat == "json" {
		h = slog.NewJSONHandler(os.Stderr, opt)
	}
	if u, err := url.Parse(c.PublicURL); c.PublicURL != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "") {
		return nil, fmt.Errorf("--public-url %q is not an address such as https://penstock.example.com", c.PublicURL)
	}
	p := &platform{log: slog.New(h), public: c.PublicURL}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, err
	}
	master, err := secret.MasterKey(os.Getenv(secret.MasterKeyVariable), filepath.Join(c.Data, "master.key"))
	if err != nil {
		return nil, err
	}
	location := c.Data
	if c.DatabaseURL != "" {
		location = c.DatabaseURL
	}
	if p.store, err = store.Open(ctx, location, master); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	if c.Seed != "" {
		err = applySeed(ctx, p.store, c.Seed)
	} else {
		p.key, p.secret, p.link, err = firstStart(ctx, p.store)
	}
	if err != nil {
		return nil, err
	}
	if p.sso, err = c.sso(); err != nil {
		return nil, err
	}
	targets := destinations.Services
	for _, file := range c.Records {
		if services, targets, err = records.Add(file, services, targets); err != nil {
			return nil, err
		}
	}
	policy, err := c.policy()
	if err != nil {
		return nil, err
	}
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	r := runner.New(runner.Config{
		Store: p.store, Connectors: services, Destinations: targets, Endpoints: c.Endpoint, Secrets: secretsmanager.New(policy, c.Endpoint), Memory: int64(c.Memory), Log: p.log,
		Files: filepath.Join(c.Data, "logs"), FileBytes: int64(c.Spill),
	})
	p.engine = engine.New(engine.Config{Store: p.store, Runner: r, Concurrency: c.Syncs, Followers: c.Followers, Log: p.log, Metrics: metrics})
	sender, logs := webhook.NewSender(policy), logship.NewSender(policy, c.Endpoint)
	p.logs = logship.New(logship.Config{Store: p.store, Sender: logs, Log: p.log, Metrics: metrics})
	p.webhooks = webhook.New(webhook.Config{Store: p.store, Post: sender.Post, Log: p.log, Metrics: metrics})
	p.handler = p.mux(web.NewLogins(os.Getenv, c.OAuthEndpoint), api.Config{Store: p.store, Engine: p.engine, Connectors: services, Destinations: targets, Webhooks: sender, Logs: logs, Log: p.log, PublicURL: p.public, GoogleProject: c.GoogleProject, Closing: ctx.Done(), RateLimits: c.RateLimits}, metrics)
	return p, nil
}

// oidcSecret is the environment variable of the client's secret, which is no
// flag because everybody on the machine sees those.
const oidcSecret = "PENSTOCK_OIDC_CLIENT_SECRET"

// sso returns the provider at which people sign in; nil: none.
func (c *serveCmd) sso() (*web.SSO, error) {
	if c.OIDCIssuer == "" {
		return nil, nil
	}
	switch u, err := url.Parse(c.OIDCIssuer); {
	case err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return nil, fmt.Errorf("--oidc-issuer %q is not an address such as https://login.example.com", c.OIDCIssuer)
	case c.OIDCClientID == "":
		return nil, errors.New("--oidc-issuer needs --oidc-client-id")
	case c.OIDCRole != "" && access.FindRole(c.OIDCRole, access.AccountLevel) == nil:
		return nil, fmt.Errorf("--oidc-role %q is no role in the account: see docs/roles.md", c.OIDCRole)
	}
	return &web.SSO{Issuer: c.OIDCIssuer, ClientID: c.OIDCClientID, ClientSecret: os.Getenv(oidcSecret), Role: c.OIDCRole}, nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// policy says where webhooks, log services and secrets managers may lead.
func (c *serveCmd) policy() (policy outside.Policy, err error) {
	policy.Networks = c.OutsideNetworks
	if c.OutsideCA != "" {
		pem, err := os.ReadFile(c.OutsideCA)
		if err != nil {
			return policy, err
		}
		if policy.Roots, err = x509.SystemCertPool(); err != nil {
			return policy, err
		}
		if !policy.Roots.AppendCertsFromPEM(pem) {
			return policy, fmt.Errorf("%s has no certificate in PEM's form", c.OutsideCA)
		}
	}
	return policy, nil
}

// mux leaves the API's paths to it as they came: a ServeMux would answer an
// unclean one with a redirect in HTML.
func (p *platform) mux(logins web.Logins, c api.Config, metrics *prometheus.Registry) http.Handler {
	rest := api.New(c)
	pages := web.New(web.Config{API: rest, Store: c.Store, Log: c.Log, PublicURL: c.PublicURL, Closing: c.Closing,
		Connectors: c.Connectors, Destinations: c.Destinations, Logins: logins, SSO: p.sso})
	measured := promhttp.HandlerFor(metrics, promhttp.HandlerOpts{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/metrics":
			measured.ServeHTTP(w, r)
		case "/healthz":
			fmt.Fprintln(w, "ok")
		case "/readyz":
			if _, err := p.store.Accounts(r.Context()); err != nil {
				http.Error(w, "the database does not answer", http.StatusServiceUnavailable)
				return
			}
			fmt.Fprintln(w, "ok")
		default:
			if strings.HasPrefix(r.URL.Path, "/v1") || strings.HasPrefix(r.URL.Path, "/public") {
				rest.ServeHTTP(w, r)
			} else {
				pages.ServeHTTP(w, r)
			}
		}
	})
}

func (p *platform) close() {
	if p.store != nil {
		if err := p.store.Close(); err != nil {
			p.log.Error("close the database", "error", err)
		}
	}
}

// patience is how long a stopping server waits for requests and for running
// syncs to reach a checkpoint.
const patience = 30 * time.Second

// serve answers requests and runs what is due until ctx is done, then stops
// in good order: no new requests, running syncs to their next checkpoint.
func (p *platform) serve(ctx context.Context, l net.Listener) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	srv := api.NewServer(p.handler, p.log)
	var done sync.WaitGroup
	var engineErr error
	done.Go(func() {
		defer stop()
		engineErr = p.engine.Run(ctx)
	})
	done.Go(func() { p.webhooks.Run(ctx) })
	done.Go(func() { p.logs.Run(ctx) })
	done.Go(func() {
		<-ctx.Done()
		end, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := srv.Shutdown(end); err != nil {
			p.log.Warn("requests were cut off", "error", err)
		}
	})
	err := srv.Serve(l)
	stop()
	done.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return errors.Join(err, engineErr)
}

// endpointOf returns the address of a listener as a URL.
func endpointOf(l net.Listener) string { return "http://" + strings.TrimSuffix(l.Addr().String(), "/") }
