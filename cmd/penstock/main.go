// Command penstock moves data from the systems where a company's work happens
// into the place where it is analysed. This package is the grammar of its
// command line; what the commands do is in the packages below.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/penstock-data/penstock/connector/fifteenfive/simulator"
	github "github.com/penstock-data/penstock/connector/github/simulator"
)

// version is set when a release is built.
var version = "dev"

type cli struct {
	Demo      demoCmd      `cmd:"" help:"Show the whole platform at work, in a fresh folder, with sample data."`
	Serve     serveCmd     `cmd:"" help:"Run the platform: API, scheduler, syncs."`
	LoginLink loginLinkCmd `cmd:"" help:"Make a link with which a user of a server chooses a new password."`

	Connections connectionsCmd `cmd:"" help:"List a server's connections and how they stand."`
	Syncs       syncsCmd       `cmd:"" help:"List the latest syncs of a connection."`
	Logs        logsCmd        `cmd:"" help:"Show the log of a sync, or follow it."`
	Schema      schemaCmd      `cmd:"" help:"List the tables of a connection and what becomes of them."`

	Sync       syncCmd       `cmd:"" help:"Copy a source to a destination once, without a server."`
	Plan       planCmd       `cmd:"" help:"Show what the next sync would create, alter and load, without doing it."`
	Verify     verifyCmd     `cmd:"" help:"Compare a source with what a destination has of it."`
	Simulate   simulateCmd   `cmd:"" help:"Stand in for a vendor's API, for tests and demonstrations."`
	Connectors connectorsCmd `cmd:"" help:"List the sources and destinations that this program has."`
	Completion completionCmd `cmd:"" help:"Print a script that has a shell complete commands and flags."`
	Complete   completeCmd   `cmd:"" hidden:"" passthrough:"" help:"Say what a word of a command line may become."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
}

const description = `Penstock moves data from databases and applications into a warehouse, keeps it fresh on a schedule, and serves Fivetran's REST API.

Start with "penstock demo". Every flag can be given as an environment variable: --data is PENSTOCK_DATA, and so on.`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var c cli
	k := kong.Parse(&c,
		kong.Name("penstock"), kong.Description(description), kong.UsageOnError(),
		kong.DefaultEnvars("PENSTOCK"), kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Vars{"fifteenfive_key": simulator.DefaultKey, "github_token": github.DefaultToken},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	err := k.Run()
	switch {
	case err == nil:
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "penstock: stopped")
		os.Exit(130)
	default:
		fmt.Fprintln(os.Stderr, "penstock:", err)
		os.Exit(1)
	}
}

type versionCmd struct{}

func (versionCmd) Run() error {
	fmt.Println("penstock", version)
	return nil
}
