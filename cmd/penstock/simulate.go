package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/penstock-data/penstock/connector/fifteenfive/simulator"
)

type simulateCmd struct {
	FifteenFive simulateFifteenFiveCmd `cmd:"" name:"15five" help:"15Five's public API, for a company that lives on while it runs."`
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
