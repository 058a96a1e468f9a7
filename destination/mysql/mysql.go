// Package mysql is the destinations "mysql_warehouse" and "maria_warehouse", a
// MySQL or MariaDB server, and those that are the same run by somebody else. It
// finds out by itself which of the two it speaks to.
//
// What other destinations call a schema is a database here. Rows travel by LOAD
// DATA LOCAL, or in INSERT statements where the server does not let them.
// Statements that define tables take effect at once, each on its own; they are
// made so that a sync which broke off between two of them can be repeated.
//
// A table is loaded without an index. Its first merge makes one on the key,
// which the merges of later syncs find their rows with.
package mysql

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/destination/sqlwriter"
	"github.com/penstock-data/penstock/setup"
)

// Config is what a destination of these kinds is configured with; the fields
// are those of mysql_warehouse and maria_warehouse in Fivetran's API definition
// (2026-07).
type Config struct {
	Host            string     `json:"host" title:"Host" help:"Name or address of the server." required:"true"`
	Port            setup.Port `json:"port" title:"Port" help:"Port of the server." default:"3306" quoted:"true"`
	Database        string     `json:"database" title:"Database" help:"The database that the user connects to, where rows wait in temporary tables. Tables are written to databases that are called like their schemas." required:"true"`
	User            string     `json:"user" title:"User" help:"A user who may create databases." required:"true" external:"true"`
	Password        string     `json:"password" title:"Password" help:"The user's password." secret:"true"`
	ConnectionType  string     `json:"connection_type" title:"Connection method" help:"How the server is reached." enum:"Directly,PrivateLink,SshTunnel" default:"Directly"`
	AlwaysEncrypted bool       `json:"always_encrypted" title:"Require TLS" help:"Refuse a connection that is not encrypted, or whose certificate nobody vouches for."`

	setup.Tunnel `quoted:"true"`
}

// Services are MySQL and MariaDB wherever they run. Fivetran has an id for each
// of these places, and the same fields for all (its API definition, 2026-07).
// Names have up to 64 characters in both.
var Services = []destination.Service{
	service("mysql_warehouse", "MySQL"),
	service("maria_warehouse", "MariaDB"),
	service("aurora_warehouse", "Amazon Aurora MySQL"),
	service("maria_rds_warehouse", "Amazon RDS for MariaDB"),
	service("mysql_rds_warehouse", "Amazon RDS for MySQL"),
}

func service(id, name string) destination.Service {
	return destination.Service{
		ID:      id,
		Name:    name,
		Config:  setup.Describe(name, Config{}),
		MaxName: 64,
		Open: func(config json.RawMessage, env destination.Env) (destination.Destination, error) {
			return open(name, config, env)
		},
	}
}

type warehouse struct {
	Config
	env destination.Env
}

func open(name string, config json.RawMessage, env destination.Env) (destination.Destination, error) {
	w := &warehouse{env: env}
	if err := json.Unmarshal(config, &w.Config); err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	if w.Port == 0 {
		w.Port = 3306
	}
	if !setup.Reaches(w.ConnectionType, env.Dial != nil) {
		return nil, &setup.Problem{Code: "unsupported_config", Message: fmt.Sprintf("The destination %s does not support connection_type %s yet.", name, w.ConnectionType)}
	}
	return w, nil
}

// How much of a sync's memory stages and sessions take is the server's affair;
// these bound what it is asked for at a time.
const (
	maxSessions = 6
	stageBytes  = 64 << 20
)

func (w *warehouse) Writer(ctx context.Context, opt destination.Options) (destination.Writer, error) {
	c, err := w.connect(ctx)
	if err != nil {
		return nil, err
	}
	db := newDatabase(w, c, opt.Warn)
	return sqlwriter.New(db, db.dialect(), opt, sqlwriter.Limits{Sessions: maxSessions, Stage: stageBytes}), nil
}
