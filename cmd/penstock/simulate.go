package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/penstock-data/penstock/connector/fifteenfive/simulator"
	github "github.com/penstock-data/penstock/connector/github/simulator"
	salesforce "github.com/penstock-data/penstock/connector/salesforce/simulator"
)

type simulateCmd struct {
	FifteenFive simulateFifteenFiveCmd `cmd:"" name:"15five" help:"15Five's public API, for a company that lives on while it runs."`
	GitHub      simulateGitHubCmd      `cmd:"" name:"github" help:"GitHub's REST API, for one organization."`
	Salesforce  simulateSalesforceCmd  `cmd:"" name:"salesforce" help:"Salesforce: OAuth, the REST API and Bulk API 2.0 queries of one org."`
}

type simulateFifteenFiveCmd struct {
	Listen string `default:"127.0.0.1:9015" help:"Address to serve on." placeholder:"ADDR"`
	Users  int    `default:"20" help:"People at the start."`
	Pulses int    `help:"Pulse rows besides those of the check-ins."`
	Seed   int64  `default:"1" help:"Companies with different seeds have nothing in common."`
	Since  string `help:"When the company began, so that a restart goes on with the same one. Default: twelve weeks ago." placeholder:"2026-01-31"`
	Limit  int    `default:"5" help:"Requests per second and address; 0: any number."`
	Key    string `default:"${fifteenfive_key}" help:"API key that may read everything."`
}

func (c *simulateFifteenFiveCmd) Run(ctx context.Context) error {
	var start time.Time
	if c.Since != "" {
		var err error
		if start, err = time.Parse(time.DateOnly, c.Since); err != nil {
			return fmt.Errorf("--since: %w", err)
		}
	}
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return err
	}
	fmt.Printf("15Five's API is at %s\n", endpointOf(l))
	return simulator.New(simulator.Options{
		Users: c.Users, Pulses: c.Pulses, Seed: c.Seed, Limit: c.Limit, Key: c.Key, Start: start,
	}).Serve(ctx, l)
}

type simulateGitHubCmd struct {
	Listen string `default:"127.0.0.1:9017" help:"Address to serve on." placeholder:"ADDR"`
	Issues int    `default:"7" help:"Issues in the first repository."`
	Limit  int    `default:"5000" help:"Requests per hour."`
	Token  string `default:"${github_token}" help:"Personal access token that may read everything."`
}

func (c *simulateGitHubCmd) Run(ctx context.Context) error {
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return err
	}
	fmt.Printf("GitHub's API is at %s\n", endpointOf(l))
	return github.New(github.Options{Issues: c.Issues, Limit: c.Limit, Tokens: []string{c.Token}}).Serve(ctx, l)
}

type simulateSalesforceCmd struct {
	Listen      string         `default:"127.0.0.1:9016" help:"Address to serve on." placeholder:"ADDR"`
	Rows        map[string]int `help:"Rows by object; objects that are not named have a few." placeholder:"Account=100000"`
	Seed        int64          `default:"1" help:"Orgs with different seeds have different rows."`
	Certificate string         `type:"existingfile" help:"PEM file that JWT assertions are checked with." placeholder:"FILE"`
	Rotate      bool           `help:"Replace the refresh token each time it is used."`
	Requests    int            `default:"100000" help:"Requests in any 24 hours."`
	Every       time.Duration  `default:"1m" help:"How often a row somewhere changes; 0: only when told to." placeholder:"DURATION"`
}

func (c *simulateSalesforceCmd) Run(ctx context.Context) error {
	sim := salesforce.New(salesforce.Options{Rows: c.Rows, Seed: c.Seed, RotateTokens: c.Rotate, DailyRequests: c.Requests, Every: c.Every})
	if c.Certificate != "" {
		b, err := os.ReadFile(c.Certificate)
		if err != nil {
			return err
		}
		block, _ := pem.Decode(b)
		if block == nil {
			return fmt.Errorf("%s holds no certificate in PEM", c.Certificate)
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err == nil {
			err = sim.Register(cert)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", c.Certificate, err)
		}
	}
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return err
	}
	fmt.Printf("Salesforce is at %s; client id %s, secret %s, refresh token %s, user %s\n", endpointOf(l),
		salesforce.DefaultClientID, salesforce.DefaultClientSecret, salesforce.DefaultRefreshToken, salesforce.DefaultUsername)
	return sim.Serve(ctx, l)
}
